/* Reading and recovering: the type Reader, lists of journals, recover and clean. */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "native.h"

/* ---- Reader ---- */

typedef struct ReaderObject {
  PyObject_HEAD runlog_reader* reader;
  bool is_busy; /* a thread reads, with the lock released */
} ReaderObject;

static bool reader_begin(ReaderObject* reader) {
  if (reader->is_busy) {
    PyErr_SetString(PyExc_RuntimeError, "another thread reads from this");
    return false;
  }
  reader->is_busy = true;
  return true;
}

static PyObject* open_reader(PyObject* module, PyObject* args) {
  (void)module;
  PyObject *place, *list;
  Text path;
  Settings settings;
  if (!PyArg_ParseTuple(args, "OO", &place, &list) || !text_from(place, "a path", &path)) {
    return NULL;
  }
  PyObject* result = NULL;
  if (settings_from(list, &settings)) {
    runlog_reader* reader = NULL;
    int code = 0;
    WITHOUT_LOCK(true, code = runlog_reader_open(path.data, path.bytes, settings.items,
                                                 settings.count, &reader));
    settings_clear(&settings);
    const allocfunc allocate = (allocfunc)PyType_GetSlot(native.reader, Py_tp_alloc);
    result = code == RUNLOG_OK ? allocate(native.reader, 0) : raise_last_error();
    if (result != NULL) {
      ((ReaderObject*)result)->reader = reader;
    } else {
      runlog_reader_release(reader);
    }
  }
  text_clear(&path);
  return result;
}

static PyObject* none(void) {
  Py_RETURN_NONE;
}

static PyObject* text_or_none(const runlog_record* record, uint32_t bit, runlog_text text) {
  return (record->has & bit) != 0 ? unicode_from(text) : none();
}

/* (kind, name, step, value, text, payload, time_ns, run_id, rank, session, lane, seq) */
static PyObject* tuple_of(const runlog_record* record) {
  PyObject* items[12];
  items[0] = PyUnicode_FromString(runlog_kind_name(record->kind));
  items[1] = unicode_from(record->name);
  items[2] = (record->has & RUNLOG_HAS_STEP) != 0 ? PyLong_FromLongLong(record->step) : none();
  items[3] = (record->has & RUNLOG_HAS_VALUE) != 0       ? PyFloat_FromDouble(record->value)
             : (record->has & RUNLOG_HAS_INT_VALUE) != 0 ? PyLong_FromLongLong(record->int_value)
                                                         : none();
  items[4] = text_or_none(record, RUNLOG_HAS_TEXT, record->text);
  items[5] =
      (record->has & RUNLOG_HAS_PAYLOAD) != 0
          ? PyBytes_FromStringAndSize(record->payload.data, (Py_ssize_t)record->payload.bytes)
          : none();
  items[6] = PyLong_FromLongLong(record->time_ns);
  items[7] = unicode_from(record->journal->run_id);
  items[8] = PyLong_FromLongLong(record->journal->rank);
  items[9] = unicode_from(record->journal->session);
  items[10] = PyLong_FromLong(record->lane);
  items[11] = PyLong_FromLongLong(record->seq);
  const Py_ssize_t count = sizeof items / sizeof *items;
  PyObject* tuple = PyTuple_New(count);
  for (Py_ssize_t i = 0; i < count; ++i) {
    if (tuple != NULL && items[i] != NULL) {
      PyTuple_SetItem(tuple, i, items[i]);
    } else {
      Py_XDECREF(items[i]);
      Py_CLEAR(tuple);
    }
  }
  return tuple;
}

/* read(count): the next records, up to `count`; an empty list behind the last. */
static PyObject* reader_read(PyObject* self, PyObject* args) {
  Py_ssize_t count = 0;
  ReaderObject* const reader = (ReaderObject*)self;
  if (!PyArg_ParseTuple(args, "n", &count) || !reader_begin(reader)) return NULL;
  PyObject* list = PyList_New(0);
  while (list != NULL && PyList_Size(list) < count) {
    const runlog_record* record = NULL;
    int found = 0;
    WITHOUT_LOCK(PyList_Size(list) == 0, found = runlog_reader_next(reader->reader, &record));
    if (found != 1) {
      if (found < 0) {
        raise_last_error();
        Py_CLEAR(list);
      }
      break;
    }
    PyObject* const tuple = tuple_of(record);
    if (tuple == NULL || PyList_Append(list, tuple) != 0) Py_CLEAR(list);
    Py_XDECREF(tuple);
  }
  reader->is_busy = false;
  return list;
}

/* ---- Metrics, by name ---- */

enum { kRows = 4096 };

/* The points of one name, in arrays that grow. */
typedef struct Points {
  PyObject* name;
  size_t count;
  size_t capacity;
  int64_t* step;
  double* value;
  int64_t* time_ns;
} Points;

typedef struct Collection {
  Points* points;
  size_t count;
  size_t* of_series; /* 1 + an index into `points`, 0: its name is not wanted */
  size_t series_count;
} Collection;

static bool points_add(Points* points, int64_t step, double value, int64_t time_ns) {
  if (points->count == points->capacity) {
    const size_t capacity = points->capacity > 0 ? points->capacity * 2 : 64;
    int64_t* const steps = realloc(points->step, capacity * sizeof *steps);
    if (steps != NULL) points->step = steps;
    double* const values = realloc(points->value, capacity * sizeof *values);
    if (values != NULL) points->value = values;
    int64_t* const times = realloc(points->time_ns, capacity * sizeof *times);
    if (times != NULL) points->time_ns = times;
    if (steps == NULL || values == NULL || times == NULL) return false;
    points->capacity = capacity;
  }
  points->step[points->count] = step;
  points->value[points->count] = value;
  points->time_ns[points->count++] = time_ns;
  return true;
}

/* 1 + the index of a name's points; 0: no memory. */
static size_t points_of(Collection* all, PyObject* by_name, runlog_text name) {
  PyObject* const key = unicode_from(name);
  if (key == NULL) return 0;
  PyObject* const known = PyDict_GetItemWithError(by_name, key);
  if (known != NULL) {
    Py_DECREF(key);
    return PyLong_AsSize_t(known);
  }
  Points* const points = realloc(all->points, (all->count + 1) * sizeof *points);
  PyObject* const index = PyLong_FromSize_t(all->count + 1);
  if (points != NULL) all->points = points;
  if (points == NULL || index == NULL || PyDict_SetItem(by_name, key, index) != 0) {
    Py_XDECREF(index);
    Py_DECREF(key);
    return 0;
  }
  Py_DECREF(index);
  all->points[all->count] = (Points){key, 0, 0, NULL, NULL, NULL};
  return ++all->count;
}

/* Series that the reader has met since the last call. */
static bool collect_series(Collection* all, PyObject* by_name, runlog_reader* reader,
                           const char* glob) {
  const size_t count = runlog_reader_series_count(reader);
  if (count <= all->series_count) return true;
  size_t* const grown = realloc(all->of_series, count * sizeof *grown);
  if (grown == NULL) return false;
  all->of_series = grown;
  for (size_t i = all->series_count; i < count; ++i) {
    const runlog_series* const series = runlog_reader_series(reader, i);
    all->of_series[i] = 0;
    if (fnmatch(glob, series->name.data, 0) != 0) continue;
    all->of_series[i] = points_of(all, by_name, series->name);
    if (all->of_series[i] == 0) return false;
  }
  all->series_count = count;
  return true;
}

typedef struct Rows {
  int64_t time_ns[kRows];
  uint32_t series[kRows];
  uint8_t has[kRows];
  int64_t step[kRows];
  double value[kRows];
} Rows;

static bool collect_rows(Collection* all, const Rows* rows, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    const size_t index = all->of_series[rows->series[i]];
    if (index == 0) continue;
    const int64_t step = (rows->has[i] & RUNLOG_HAS_STEP) != 0 ? rows->step[i] : INT64_MIN;
    if (!points_add(&all->points[index - 1], step, rows->value[i], rows->time_ns[i])) return false;
  }
  return true;
}

/* False, with an exception, or where there was no memory. */
static bool collect_all(Collection* all, runlog_reader* reader, const char* glob, Rows* rows) {
  PyObject* const by_name = PyDict_New();
  bool is_done = by_name != NULL;
  int64_t count = kRows;
  while (is_done && count == kRows) {
    const runlog_metric_columns columns = {sizeof columns, rows->time_ns, rows->series, rows->has,
                                           rows->step,     rows->value,   NULL};
    WITHOUT_LOCK(true, count = runlog_reader_next_metrics(reader, &columns, kRows));
    if (count < 0) {
      raise_last_error();
      is_done = false;
    } else {
      is_done = collect_series(all, by_name, reader, glob) && collect_rows(all, rows, count) &&
                PyErr_CheckSignals() == 0;
    }
  }
  Py_XDECREF(by_name);
  return is_done;
}

static PyObject* bytes_of(const void* data, size_t count) {
  return PyByteArray_FromStringAndSize(count > 0 ? data : "", (Py_ssize_t)(count * 8));
}

static PyObject* dict_of_points(const Collection* all) {
  PyObject* dict = PyDict_New();
  for (size_t i = 0; dict != NULL && i < all->count; ++i) {
    const Points* const points = &all->points[i];
    PyObject* const columns = Py_BuildValue("(NNN)", bytes_of(points->step, points->count),
                                            bytes_of(points->value, points->count),
                                            bytes_of(points->time_ns, points->count));
    if (columns == NULL || PyDict_SetItem(dict, points->name, columns) != 0) Py_CLEAR(dict);
    Py_XDECREF(columns);
  }
  return dict;
}

/* metrics(glob): {name: (steps, values, times)} of the rest, each a bytearray of 8-byte numbers;
 * the step of a record without one is INT64_MIN. */
static PyObject* reader_metrics(PyObject* self, PyObject* glob) {
  ReaderObject* const reader = (ReaderObject*)self;
  Text text;
  if (!text_from(glob, "a name", &text)) return NULL;
  if (!reader_begin(reader)) {
    text_clear(&text);
    return NULL;
  }
  Collection all = {NULL, 0, NULL, 0};
  Rows* const rows = malloc(sizeof *rows);
  PyObject* result = NULL;
  if (rows != NULL && collect_all(&all, reader->reader, text.data, rows)) {
    result = dict_of_points(&all);
  }
  if (result == NULL && PyErr_Occurred() == NULL) PyErr_NoMemory();
  for (size_t i = 0; i < all.count; ++i) {
    Py_DECREF(all.points[i].name);
    free(all.points[i].step);
    free(all.points[i].value);
    free(all.points[i].time_ns);
  }
  free(all.points);
  free(all.of_series);
  free(rows);
  reader->is_busy = false;
  text_clear(&text);
  return result;
}

/* ---- What was damaged, what could not be read ---- */

static PyObject* append(PyObject* list, PyObject* item) {
  if (list != NULL && (item == NULL || PyList_Append(list, item) != 0)) Py_CLEAR(list);
  Py_XDECREF(item);
  return list;
}

static PyObject* reader_damage(PyObject* self, PyObject* unused) {
  (void)unused;
  ReaderObject* const reader = (ReaderObject*)self;
  if (!reader_begin(reader)) return NULL;
  PyObject* list = PyList_New(0);
  for (size_t i = 0; i < runlog_reader_damage_count(reader->reader); ++i) {
    list = append(list, dict_of_damage(runlog_reader_damage(reader->reader, i)));
  }
  reader->is_busy = false;
  return list;
}

static PyObject* reader_failures(PyObject* self, PyObject* unused) {
  (void)unused;
  ReaderObject* const reader = (ReaderObject*)self;
  if (!reader_begin(reader)) return NULL;
  PyObject* list = PyList_New(0);
  for (size_t i = 0; i < runlog_reader_failures_count(reader->reader); ++i) {
    list = append(list, dict_of_error(runlog_reader_failure(reader->reader, i)));
  }
  reader->is_busy = false;
  return list;
}

static void reader_dealloc(PyObject* self) {
  PyTypeObject* const type = Py_TYPE(self);
  runlog_reader_release(((ReaderObject*)self)->reader);
  ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
  Py_DECREF((PyObject*)type);
}

PyTypeObject* make_reader_type(PyObject* module) {
  static PyMethodDef methods[] = {{"read", reader_read, METH_VARARGS, NULL},
                                  {"metrics", reader_metrics, METH_O, NULL},
                                  {"damage", reader_damage, METH_NOARGS, NULL},
                                  {"failures", reader_failures, METH_NOARGS, NULL},
                                  {NULL, NULL, 0, NULL}};
  static PyType_Slot slots[] = {
      {Py_tp_dealloc, reader_dealloc}, {Py_tp_methods, methods}, {0, NULL}};
  static PyType_Spec spec = {"runlog._native.Reader", sizeof(ReaderObject), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  (void)module;
  return (PyTypeObject*)PyType_FromSpec(&spec);
}

PyMethodDef reading_functions[] = {{"open_reader", open_reader, METH_VARARGS, NULL},
                                   {NULL, NULL, 0, NULL}};
