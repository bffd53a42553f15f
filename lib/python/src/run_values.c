/* Methods of Run: structured values, texts, files, facts. */
#include "native.h"

static PyObject* run_log_list(PyObject* self, PyObject* const* args, Py_ssize_t nargs,
                              PyObject* kwnames) {
  static const Signature kSignature = {"log_list", {"name", "values", "step", "time", NULL}, 2, 3};
  PyObject* given[4];
  runlog_when at;
  const runlog_when* when = NULL;
  Array values;
  Text name;
  if (!take_arguments(&kSignature, args, nargs, kwnames, given) ||
      !when_from(given[2], given[3], &at, &when) || !array_from(given[1], &values)) {
    return NULL;
  }
  PyObject* result = NULL;
  if (text_from(given[0], "a name", &name)) {
    int code = 0;
    WITHOUT_LOCK(
        is_slow(self, values.array.count * 8),
        code = runlog_run_log_list(run_of(self), name.data, name.bytes, &values.array, when));
    result = none_or_raise(code);
    text_clear(&name);
  }
  array_clear(&values);
  return result;
}

static PyObject* run_log_row(PyObject* self, PyObject* const* args, Py_ssize_t nargs,
                             PyObject* kwnames) {
  static const Signature kSignature = {"log_row", {"name", "columns", "step", "time", NULL}, 2, 3};
  PyObject* given[4];
  runlog_when at;
  const runlog_when* when = NULL;
  Row row;
  Text name;
  if (!take_arguments(&kSignature, args, nargs, kwnames, given) ||
      !when_from(given[2], given[3], &at, &when) || !row_from(given[1], &row)) {
    return NULL;
  }
  PyObject* result = NULL;
  if (text_from(given[0], "a name", &name)) {
    int code = 0;
    WITHOUT_LOCK(
        is_slow(self, row.count * 32),
        code = runlog_run_log_row(run_of(self), name.data, name.bytes, row.items, row.count, when));
    result = none_or_raise(code);
    text_clear(&name);
  }
  row_clear(&row);
  return result;
}

/* `columns`: a list of (name, array). */
typedef struct Table {
  Array* arrays;
  Text* names;
  runlog_column* columns;
  size_t count;
} Table;

static void table_clear(Table* table) {
  for (size_t i = 0; i < table->count; ++i) {
    array_clear(&table->arrays[i]);
    text_clear(&table->names[i]);
  }
  PyMem_Free(table->arrays);
  PyMem_Free(table->names);
  PyMem_Free(table->columns);
}

static bool table_add(Table* table, PyObject* pair) {
  const size_t at = table->count;
  if (!PyTuple_Check(pair) || PyTuple_Size(pair) != 2) {
    PyErr_SetString(PyExc_TypeError, "a column must be a pair of a name and an array");
    return false;
  }
  if (!text_from(PyTuple_GetItem(pair, 0), "the name of a column", &table->names[at])) return false;
  if (!array_from(PyTuple_GetItem(pair, 1), &table->arrays[at])) {
    text_clear(&table->names[at]);
    return false;
  }
  table->columns[at] =
      (runlog_column){{table->names[at].data, table->names[at].bytes}, table->arrays[at].array};
  ++table->count;
  return true;
}

static bool table_from(PyObject* columns, Table* table) {
  *table = (Table){NULL, NULL, NULL, 0};
  PyObject* const pairs = PySequence_Tuple(columns);
  if (pairs == NULL) return false;
  const Py_ssize_t count = PyTuple_Size(pairs);
  table->arrays = PyMem_Calloc((size_t)count + 1, sizeof *table->arrays);
  table->names = PyMem_Calloc((size_t)count + 1, sizeof *table->names);
  table->columns = PyMem_Calloc((size_t)count + 1, sizeof *table->columns);
  bool is_done = table->arrays != NULL && table->names != NULL && table->columns != NULL;
  if (!is_done) PyErr_NoMemory();
  for (Py_ssize_t i = 0; is_done && i < count; ++i) {
    is_done = table_add(table, PyTuple_GetItem(pairs, i));
  }
  /* The names are those of objects in `pairs`, which `columns` keeps: a list of the Python layer.
   */
  Py_DECREF(pairs);
  if (!is_done) table_clear(table);
  return is_done;
}

static PyObject* run_log_table(PyObject* self, PyObject* const* args, Py_ssize_t nargs,
                               PyObject* kwnames) {
  static const Signature kSignature = {
      "log_table", {"name", "columns", "step", "time", NULL}, 2, 3};
  PyObject* given[4];
  runlog_when at;
  const runlog_when* when = NULL;
  Table table;
  Text name;
  if (!take_arguments(&kSignature, args, nargs, kwnames, given) ||
      !when_from(given[2], given[3], &at, &when) || !table_from(given[1], &table)) {
    return NULL;
  }
  PyObject* result = NULL;
  if (text_from(given[0], "a name", &name)) {
    int code = 0;
    WITHOUT_LOCK(true, code = runlog_run_log_table(run_of(self), name.data, name.bytes,
                                                   table.columns, table.count, when));
    result = none_or_raise(code);
    text_clear(&name);
  }
  table_clear(&table);
  return result;
}

static PyObject* run_log_histogram(PyObject* self, PyObject* const* args, Py_ssize_t nargs,
                                   PyObject* kwnames) {
  static const Signature kSignature = {
      "log_histogram", {"name", "edges", "counts", "step", "time", NULL}, 3, 4};
  PyObject* given[5];
  runlog_when at;
  const runlog_when* when = NULL;
  Array edges, counts;
  Text name;
  if (!take_arguments(&kSignature, args, nargs, kwnames, given) ||
      !when_from(given[3], given[4], &at, &when) || !array_from(given[1], &edges)) {
    return NULL;
  }
  PyObject* result = NULL;
  if (array_from(given[2], &counts)) {
    if (counts.array.count + 1 != edges.array.count) {
      PyErr_SetString(PyExc_ValueError, "there must be one edge more than counts");
    } else if (text_from(given[0], "a name", &name)) {
      int code = 0;
      WITHOUT_LOCK(is_slow(self, edges.array.count * 16),
                   code = runlog_run_log_histogram(run_of(self), name.data, name.bytes,
                                                   &edges.array, &counts.array, when));
      result = none_or_raise(code);
      text_clear(&name);
    }
    array_clear(&counts);
  }
  array_clear(&edges);
  return result;
}

static PyObject* run_log_json(PyObject* self, PyObject* const* args, Py_ssize_t nargs,
                              PyObject* kwnames) {
  static const Signature kSignature = {"log_json", {"schema", "document", "time", NULL}, 2, 2};
  PyObject* given[3];
  runlog_when at;
  const runlog_when* when = NULL;
  Text schema, document;
  if (!take_arguments(&kSignature, args, nargs, kwnames, given) ||
      !when_from(NULL, given[2], &at, &when) || !text_from(given[0], "a schema", &schema)) {
    return NULL;
  }
  PyObject* result = NULL;
  if (text_from(given[1], "a document", &document)) {
    WITHOUT_LOCK(is_slow(self, document.bytes),
                 runlog_run_log_json(run_of(self), schema.data, schema.bytes, document.data,
                                     document.bytes, when));
    result = none_or_raise(RUNLOG_OK);
    text_clear(&document);
  }
  text_clear(&schema);
  return result;
}

static PyObject* run_text(PyObject* self, PyObject* const* args, Py_ssize_t nargs,
                          PyObject* kwnames) {
  static const Signature kSignature = {"text", {"message", "level", "time", NULL}, 2, 2};
  PyObject* given[3];
  runlog_when at;
  const runlog_when* when = NULL;
  Text message;
  if (!take_arguments(&kSignature, args, nargs, kwnames, given) ||
      !when_from(NULL, given[2], &at, &when)) {
    return NULL;
  }
  const long level = PyLong_AsLong(given[1]);
  if ((level == -1 && PyErr_Occurred() != NULL) || !text_from(given[0], "a message", &message)) {
    return NULL;
  }
  WITHOUT_LOCK(is_slow(self, message.bytes),
               runlog_run_log_text(run_of(self), (int)level, message.data, message.bytes, when));
  text_clear(&message);
  Py_RETURN_NONE;
}

/* ---- Files ---- */

typedef int (*FileCall)(runlog_run*, const char*, size_t, const char*, size_t, const runlog_when*);

static int log_image_bytes(runlog_run* run, const char* name, size_t name_bytes, const char* data,
                           size_t bytes, const runlog_when* when) {
  return runlog_run_log_image(run, name, name_bytes, data, bytes, when);
}

static PyObject* stage(PyObject* self, PyObject* const* given, FileCall call) {
  runlog_when at;
  const runlog_when* when = NULL;
  Text name, content;
  if (!when_from(given[2], NULL, &at, &when) || !text_from(given[0], "a name", &name)) return NULL;
  PyObject* result = NULL;
  if (text_from(given[1], "a path", &content)) {
    int code = 0;
    WITHOUT_LOCK(
        true, code = call(run_of(self), name.data, name.bytes, content.data, content.bytes, when));
    result = none_or_raise(code);
    text_clear(&content);
  }
  text_clear(&name);
  return result;
}

#define STAGING(method, call)                                                               \
  static PyObject* run_##method(PyObject* self, PyObject* const* args, Py_ssize_t nargs,    \
                                PyObject* kwnames) {                                        \
    static const Signature kSignature = {#method, {"name", "content", "step", NULL}, 2, 3}; \
    PyObject* given[3];                                                                     \
    if (!take_arguments(&kSignature, args, nargs, kwnames, given)) return NULL;             \
    return stage(self, given, call);                                                        \
  }
STAGING(log_image, log_image_bytes)
STAGING(log_image_file, runlog_run_log_image_file)
STAGING(upload_file, runlog_run_upload_file)

static PyObject* run_upload_folder(PyObject* self, PyObject* const* args, Py_ssize_t nargs,
                                   PyObject* kwnames) {
  static const Signature kSignature = {"upload_folder", {"name", "path", NULL}, 2, 2};
  PyObject* given[2];
  Text name, path;
  if (!take_arguments(&kSignature, args, nargs, kwnames, given) ||
      !text_from(given[0], "a name", &name)) {
    return NULL;
  }
  PyObject* result = NULL;
  if (text_from(given[1], "a path", &path)) {
    runlog_folder_report report;
    int code = 0;
    WITHOUT_LOCK(true,
                 code = runlog_run_upload_folder(run_of(self), name.data, name.bytes, path.data,
                                                 path.bytes, &report, sizeof report));
    result = code == RUNLOG_OK ? dict_of_report(&report) : raise_last_error();
    text_clear(&path);
  }
  text_clear(&name);
  return result;
}

PyMethodDef run_value_methods[] = {FAST("_log_list", run_log_list, NULL),
                                   FAST("_log_row", run_log_row, NULL),
                                   FAST("_log_table", run_log_table, NULL),
                                   FAST("_log_histogram", run_log_histogram, NULL),
                                   FAST("_log_json", run_log_json, NULL),
                                   FAST("_text", run_text, NULL),
                                   FAST("_log_image", run_log_image, NULL),
                                   FAST("_log_image_file", run_log_image_file, NULL),
                                   FAST("_upload_file", run_upload_file, NULL),
                                   FAST("_upload_folder", run_upload_folder, NULL),
                                   {NULL, NULL, 0, NULL}};
