/* Methods of Run: facts, how far its records are, and its end. */
#include "native.h"

/* ---- Facts ---- */

static PyObject* param_number(PyObject* self, Text name, PyObject* value) {
  int overflow = 0;
  if (PyLong_Check(value)) (void)PyLong_AsLongLongAndOverflow(value, &overflow);
  runlog_number number;
  if (overflow == 0) {
    if (!number_from(value, &number)) return NULL;
    WITHOUT_LOCK(is_slow(self, 0),
                 runlog_run_param_number(run_of(self), name.data, name.bytes, number));
    Py_RETURN_NONE;
  }
  PyObject* const digits = PyObject_Str(value); /* all of them */
  Text text;
  if (digits == NULL) return NULL;
  if (text_from(digits, "a value", &text)) {
    WITHOUT_LOCK(is_slow(self, 0),
                 runlog_run_param_text(run_of(self), name.data, name.bytes, text.data, text.bytes));
  }
  Py_DECREF(digits);
  Py_RETURN_NONE;
}

static PyObject* run_param(PyObject* self, PyObject* const* args, Py_ssize_t nargs,
                           PyObject* kwnames) {
  static const Signature kSignature = {"param", {"name", "value", NULL}, 2, 2};
  PyObject* given[2];
  Text name, text;
  if (!take_arguments(&kSignature, args, nargs, kwnames, given) ||
      !text_from(given[0], "a name", &name)) {
    return NULL;
  }
  PyObject* result = NULL;
  if (!PyUnicode_Check(given[1]) && !PyBytes_Check(given[1])) {
    result = param_number(self, name, given[1]);
  } else if (text_from(given[1], "a value", &text)) {
    WITHOUT_LOCK(is_slow(self, text.bytes),
                 runlog_run_param_text(run_of(self), name.data, name.bytes, text.data, text.bytes));
    result = none_or_raise(RUNLOG_OK);
    text_clear(&text);
  }
  text_clear(&name);
  return result;
}

static PyObject* run_tag(PyObject* self, PyObject* const* args, Py_ssize_t nargs,
                         PyObject* kwnames) {
  static const Signature kSignature = {"tag", {"name", "value", NULL}, 1, 2};
  PyObject* given[2];
  Text name, text;
  if (!take_arguments(&kSignature, args, nargs, kwnames, given) ||
      !text_from(given[0], "a name", &name)) {
    return NULL;
  }
  const bool is_done = text_or_empty_from(given[1], "a value", &text);
  if (is_done) {
    WITHOUT_LOCK(is_slow(self, 0),
                 runlog_run_tag(run_of(self), name.data, name.bytes, text.data, text.bytes));
    text_clear(&text);
  }
  text_clear(&name);
  return is_done ? none_or_raise(RUNLOG_OK) : NULL;
}

static PyObject* run_remove_tag(PyObject* self, PyObject* object) {
  Text name;
  if (!text_from(object, "a name", &name)) return NULL;
  WITHOUT_LOCK(is_slow(self, 0), runlog_run_remove_tag(run_of(self), name.data, name.bytes));
  text_clear(&name);
  Py_RETURN_NONE;
}

static PyObject* run_property(PyObject* self, PyObject* const* args, Py_ssize_t nargs,
                              PyObject* kwnames) {
  static const Signature kSignature = {"property", {"name", "value", NULL}, 2, 2};
  PyObject* given[2];
  Text name, text;
  if (!take_arguments(&kSignature, args, nargs, kwnames, given) ||
      !text_from(given[0], "a name", &name)) {
    return NULL;
  }
  PyObject* result = NULL;
  if (text_from(given[1], "a value", &text)) {
    int stands = 0;
    WITHOUT_LOCK(true, stands = runlog_run_property(run_of(self), name.data, name.bytes, text.data,
                                                    text.bytes));
    result = PyBool_FromLong(stands);
    text_clear(&text);
  }
  text_clear(&name);
  return result;
}

static PyObject* run_rewind(PyObject* self, PyObject* object) {
  int64_t step = 0;
  if (!step_from_any(object, &step)) return NULL;
  WITHOUT_LOCK(true, runlog_run_rewind(run_of(self), step));
  Py_RETURN_NONE;
}

/* ---- How far it is ---- */

static PyObject* run_flush(PyObject* self, PyObject* unused) {
  (void)unused;
  WITHOUT_LOCK(true, runlog_run_flush(run_of(self)));
  Py_RETURN_NONE;
}

/* wait_until(stage, timeout_ms): a runlog_wait. Waits in pieces, each twice as long as the one
 * before, and looks for signals between them: with pieces of one length a slow store would never be
 * done within one while other threads log. */
static PyObject* run_wait_until(PyObject* self, PyObject* args) {
  static const int64_t kPiece_ms_max = 10000;
  int stage = 0;
  long long timeout_ms = 0;
  if (!PyArg_ParseTuple(args, "iL", &stage, &timeout_ms)) return NULL;
  int64_t left_ms = timeout_ms;
  for (int64_t piece_ms = 100;; piece_ms *= 2) {
    if (piece_ms > kPiece_ms_max) piece_ms = kPiece_ms_max;
    const int64_t wait_ms = left_ms < piece_ms ? left_ms : piece_ms;
    int reached = 0;
    WITHOUT_LOCK(true, reached = runlog_run_wait_until(run_of(self), stage, wait_ms));
    left_ms -= wait_ms;
    if (reached != RUNLOG_WAIT_TIMEOUT || left_ms <= 0) return PyLong_FromLong(reached);
    if (PyErr_CheckSignals() != 0) return NULL;
  }
}

static PyObject* run_status(PyObject* self, PyObject* unused) {
  (void)unused;
  return PyLong_FromLong(runlog_run_status(run_of(self)));
}

static PyObject* run_stop_requested(PyObject* self, PyObject* unused) {
  (void)unused;
  return PyBool_FromLong(runlog_run_stop_requested(run_of(self)));
}

static PyObject* run_stats(PyObject* self, PyObject* unused) {
  (void)unused;
  runlog_stats stats = {0};
  WITHOUT_LOCK(true, runlog_run_stats(run_of(self), &stats, sizeof stats));
  return dict_of_stats(&stats);
}

static PyObject* run_file_names(PyObject* self, PyObject* unused) {
  (void)unused;
  runlog_text_list* names = NULL;
  int code = 0;
  WITHOUT_LOCK(true, code = runlog_run_read_file_names(run_of(self), &names));
  if (code != RUNLOG_OK) return raise_last_error();
  PyObject* const list = PyList_New(0);
  for (size_t i = 0; list != NULL && i < names->count; ++i) {
    PyObject* const name = unicode_from(names->items[i]);
    if (name == NULL || PyList_Append(list, name) != 0) {
      Py_XDECREF(name);
      Py_DECREF(list);
      runlog_text_list_release(names);
      return NULL;
    }
    Py_DECREF(name);
  }
  runlog_text_list_release(names);
  return list;
}

/* ---- The end ---- */

static PyObject* run_complete(PyObject* self, PyObject* unused) {
  (void)unused;
  WITHOUT_LOCK(true, runlog_run_complete(run_of(self)));
  Py_RETURN_NONE;
}

static PyObject* run_cancel(PyObject* self, PyObject* unused) {
  (void)unused;
  WITHOUT_LOCK(true, runlog_run_cancel(run_of(self)));
  Py_RETURN_NONE;
}

static PyObject* run_fail(PyObject* self, PyObject* const* args, Py_ssize_t nargs,
                          PyObject* kwnames) {
  static const Signature kSignature = {"fail", {"code", "message", NULL}, 0, 2};
  PyObject* given[2];
  Text code, message;
  if (!take_arguments(&kSignature, args, nargs, kwnames, given) ||
      !text_or_empty_from(given[0], "a code", &code)) {
    return NULL;
  }
  const bool is_done = text_or_empty_from(given[1], "a message", &message);
  if (is_done) {
    WITHOUT_LOCK(true,
                 runlog_run_fail(run_of(self), code.data, code.bytes, message.data, message.bytes));
    text_clear(&message);
  }
  text_clear(&code);
  return is_done ? none_or_raise(RUNLOG_OK) : NULL;
}

PyMethodDef run_end_methods[] = {
    FAST("_param", run_param, NULL),
    FAST("_tag", run_tag, NULL),
    {"remove_tag", run_remove_tag, METH_O, "remove_tag(name)"},
    FAST("_property", run_property, NULL),
    {"rewind", run_rewind, METH_O,
     "rewind(step): training resumes from a checkpoint at `step`.\n\n"
     "What was logged before with that step or a later one is left out\n"
     "by open(apply_rewind=True). Nothing is deleted."},
    {"_flush", run_flush, METH_NOARGS, NULL},
    {"_wait_until", run_wait_until, METH_VARARGS, NULL},
    {"_status", run_status, METH_NOARGS, NULL},
    {"_stop_requested", run_stop_requested, METH_NOARGS, NULL},
    {"stats", run_stats, METH_NOARGS,
     "stats(): counters since the start, those of runlog/stats.hpp.\n\n"
     "Look first at dropped, records_lost, packs_waiting,\n"
     "objects_refused, segments_late, and at last_error."},
    {"file_names", run_file_names, METH_NOARGS,
     "file_names(): those of the files in this journal; reads it."},
    {"_complete", run_complete, METH_NOARGS, NULL},
    {"_cancel", run_cancel, METH_NOARGS, NULL},
    FAST("_fail", run_fail, NULL),
    {NULL, NULL, 0, NULL}};
