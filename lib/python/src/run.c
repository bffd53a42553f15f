/* Run: what is called for each value, and the type itself. run_values.c and run_ends.c have the
 * rest of its methods; the Python layer's Run is a subclass. */
#include <string.h>

#include "native.h"

static RunObject* run_at(PyObject* self) {
  return (RunObject*)self;
}

/* ---- Metrics ---- */

static PyObject* log_row(RunObject* run, PyObject* mapping, PyObject* step, PyObject* time) {
  runlog_when at;
  const runlog_when* when = NULL;
  Row row;
  if (!when_from(step, time, &at, &when) || !row_from(mapping, &row)) return NULL;
  WITHOUT_LOCK(run->may_wait, runlog_run_log_metrics(run->run, row.items, row.count, when));
  row_clear(&row);
  Py_RETURN_NONE;
}

static PyObject* log_named(RunObject* run, PyObject* name, PyObject* value, PyObject* step,
                           PyObject* time) {
  runlog_number number;
  runlog_when at;
  const runlog_when* when = NULL;
  Text text;
  if (!number_from(value, &number) || !when_from(step, time, &at, &when) ||
      !text_from(name, "a name", &text)) {
    return NULL;
  }
  WITHOUT_LOCK(run->may_wait, runlog_run_log_when(run->run, text.data, text.bytes, number, when));
  text_clear(&text);
  Py_RETURN_NONE;
}

static PyObject* log_any(PyObject* self, PyObject* const* args, Py_ssize_t nargs,
                         PyObject* kwnames) {
  static const Signature kSignature = {"log", {"name", "value", "step", "time", NULL}, 1, 3};
  PyObject* given[4];
  if (!take_arguments(&kSignature, args, nargs, kwnames, given)) return NULL;
  if (PyUnicode_Check(given[0]) || PyBytes_Check(given[0])) {
    if (given[1] == NULL) {
      PyErr_SetString(PyExc_TypeError, "log() misses the argument 'value'");
      return NULL;
    }
    return log_named(run_at(self), given[0], given[1], given[2], given[3]);
  }
  /* log({…}, 3): the step. */
  if (given[1] != NULL && given[2] != NULL) {
    PyErr_SetString(PyExc_TypeError, "log() takes a name and a value, or a dict, then a step");
    return NULL;
  }
  if (given[2] == NULL) given[2] = given[1];
  return log_row(run_at(self), given[0], given[2], given[3]);
}

/* A name that nobody else holds is one of many that are made for one call each. A slot is given to
 * another name at each eighth call of such: two that fall together must not push each other out. */
static runlog_metric* learn_name(RunObject* run, KnownName* slot, PyObject* name) {
  Py_ssize_t bytes = 0;
  if (Py_REFCNT(name) < 2 || (slot->name != NULL && ++run->strange_names % 8 != 0)) return NULL;
  const char* const data = PyUnicode_AsUTF8AndSize(name, &bytes);
  if (data == NULL) PyErr_Clear();
  if (data == NULL || bytes == 0 || bytes > 512) return NULL; /* those are mended, and counted */
  runlog_metric* const metric = runlog_metric_create(run->run, data, (size_t)bytes);
  if (metric == NULL) return NULL;
  runlog_metric_release(slot->metric);
  Py_XDECREF(slot->name);
  Py_INCREF(name);
  *slot = (KnownName){name, metric};
  return metric;
}

static runlog_metric* known_metric(RunObject* run, PyObject* name) {
  KnownName* const slot = &run->known[((uintptr_t)name >> 5) % kKnown_names];
  return slot->name == name ? slot->metric : learn_name(run, slot, name);
}

/* The common call, log(str, float, step=int), goes the short way. */
static PyObject* run_log(PyObject* self, PyObject* const* args, Py_ssize_t nargs,
                         PyObject* kwnames) {
  const bool is_keyword = nargs == 2 && kwnames != NULL && PyTuple_Size(kwnames) == 1 &&
                          PyTuple_GetItem(kwnames, 0) == native.step_word;
  const bool is_plain = is_keyword || (nargs == 3 && kwnames == NULL);
  if (!is_plain || !PyUnicode_CheckExact(args[0]) || !PyFloat_CheckExact(args[1]) ||
      !PyLong_CheckExact(args[2]) || run_at(self)->may_wait) {
    return log_any(self, args, nargs, kwnames);
  }
  const long long step = PyLong_AsLongLong(args[2]);
  if (step == -1 && PyErr_Occurred() != NULL) {
    PyErr_Clear();
    return log_any(self, args, nargs, kwnames);
  }
  const runlog_number value = runlog_real(PyFloat_AsDouble(args[1]));
  runlog_metric* const metric = known_metric(run_at(self), args[0]);
  if (metric != NULL) {
    runlog_metric_log_step(metric, value, step);
    Py_RETURN_NONE;
  }
  Py_ssize_t bytes = 0;
  const char* const name = PyUnicode_AsUTF8AndSize(args[0], &bytes);
  if (name == NULL) {
    PyErr_Clear();
    return log_any(self, args, nargs, kwnames);
  }
  runlog_run_log_step(run_at(self)->run, name, (size_t)bytes, value, step);
  Py_RETURN_NONE;
}

static PyObject* run_metric(PyObject* self, PyObject* name) {
  return metric_of(self, name);
}
static PyObject* run_step(PyObject* self, PyObject* number) {
  return step_object_of(self, number);
}

/* ---- Names ---- */

typedef size_t (*TextCall)(const runlog_run*, char*, size_t);

static PyObject* text_by(PyObject* self, TextCall call) {
  char small[512];
  const size_t bytes = call(run_at(self)->run, small, sizeof small);
  if (bytes < sizeof small) return PyUnicode_DecodeFSDefaultAndSize(small, (Py_ssize_t)bytes);
  char* const large = PyMem_Malloc(bytes + 1);
  if (large == NULL) return PyErr_NoMemory();
  const size_t now = call(run_at(self)->run, large, bytes + 1);
  PyObject* const text =
      PyUnicode_DecodeFSDefaultAndSize(large, (Py_ssize_t)(now < bytes ? now : bytes));
  PyMem_Free(large);
  return text;
}

static PyObject* run_id(PyObject* self, void* unused) {
  (void)unused;
  return text_by(self, runlog_run_id);
}
static PyObject* run_session(PyObject* self, void* unused) {
  (void)unused;
  return text_by(self, runlog_run_session);
}
static PyObject* run_journal_path(PyObject* self, void* unused) {
  (void)unused;
  return text_by(self, runlog_run_journal_path);
}
static PyObject* run_last_error(PyObject* self, void* unused) {
  (void)unused;
  return text_by(self, runlog_run_last_error);
}

/* ---- The type ---- */

static void run_dealloc(PyObject* self) {
  PyTypeObject* const type = Py_TYPE(self);
  runlog_run* const run = run_at(self)->run;
  for (size_t i = 0; i < kKnown_names; ++i) {
    runlog_metric_release(run_at(self)->known[i].metric);
    Py_CLEAR(run_at(self)->known[i].name);
  }
  /* When the interpreter ends, exit() is to end the run: it knows the status. */
  if (run != NULL && !native.is_ending) {
    PyObject *kind, *value, *traceback;
    PyErr_Fetch(&kind, &value, &traceback);
    WITHOUT_LOCK(true, runlog_run_release(run));
    PyErr_Restore(kind, value, traceback);
  }
  ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
  Py_DECREF((PyObject*)type);
}

static size_t count_of(const PyMethodDef* methods) {
  size_t count = 0;
  while (methods[count].ml_name != NULL) ++count;
  return count;
}

PyTypeObject* make_run_type(PyObject* module) {
  static PyMethodDef log_methods[] = {
      FAST(
          "log", run_log,
          "log(name, value, step=None, *, time=None)\n"
          "log(dict, step=None, *, time=None)\n\n"
          "Logs a metric, or those of a dict in one row: with one step and one time. A dict in it\n"
          "has its names behind 'its name/'.\n\n"
          "A value is an int, float or bool, or a scalar, 0-d array or tensor; one of a device is\n"
          "waited for (see log_later). Integers beyond 64 bits become floats; NaN and infinities\n"
          "are kept. A step is an integer of 64 bits; steps may repeat, go back or be missing.\n"
          "`time` is when the value was measured: a datetime, or seconds since 1970.\n\n"
          "Costs less than a microsecond and no system call. Raises TypeError, ValueError or\n"
          "OverflowError, and logs nothing, for what is no number, name or step."),
      {"metric", run_metric, METH_O,
       "metric(name): a Metric, whose name is looked up once; for hot loops."},
      {"step", run_step, METH_O,
       "step(number): a Step: metrics of one step that have one time.\n\n"
       "    with run.step(i) as now:\n"
       "        now.log('loss', 0.5)"},
      {NULL, NULL, 0, NULL}};
  static PyMethodDef methods[64];
  const PyMethodDef* const all[] = {log_methods, run_value_methods, run_end_methods};
  size_t count = 0;
  for (size_t i = 0; i < sizeof all / sizeof *all; ++i) {
    memcpy(&methods[count], all[i], count_of(all[i]) * sizeof *methods);
    count += count_of(all[i]);
  }
  static PyGetSetDef getters[] = {
      {"id", run_id, NULL, "The run id; the same for all processes of the run.", NULL},
      {"session", run_session, NULL, "32 hex digits: this process's part of the run.", NULL},
      {"path", run_journal_path, NULL, "The directory of this process's journal.", NULL},
      {"last_error", run_last_error, NULL,
       "The last failure in the background and what to do; empty: none is known.", NULL},
      {NULL, NULL, NULL, NULL, NULL}};
  static PyType_Slot slots[] = {
      {Py_tp_dealloc, run_dealloc}, {Py_tp_methods, methods}, {Py_tp_getset, getters}, {0, NULL}};
  static PyType_Spec spec = {"runlog._native.Run", sizeof(RunObject), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};
  (void)module;
  return (PyTypeObject*)PyType_FromSpec(&spec);
}
