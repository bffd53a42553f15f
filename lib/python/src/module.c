/* The module runlog._native: its start, its types, and the functions that start runs. */
#include <string.h>

#include "native.h"

NativeState native;

/* ---- Errors ---- */

PyObject* raise_last_error(void) {
  const runlog_error error = {runlog_error_code(), runlog_error_errno(),
                              runlog_text_of(runlog_error_message())};
  PyObject* const text =
      PyUnicode_DecodeUTF8(error.message.data, (Py_ssize_t)strlen(error.message.data), "replace");
  PyObject* const raised =
      text != NULL ? PyObject_CallFunction(native.error, "Osi", text, runlog_code_name(error.code),
                                           (int)error.os_errno)
                   : NULL;
  Py_XDECREF(text);
  if (raised != NULL) PyErr_SetObject((PyObject*)Py_TYPE(raised), raised);
  Py_XDECREF(raised);
  return NULL;
}

PyObject* none_or_raise(int code) {
  if (code != RUNLOG_OK) return raise_last_error();
  Py_RETURN_NONE;
}

/* ---- Runs ---- */

/* A new object of `type`, a subclass of Run; takes the handle. */
static PyObject* run_object_of(PyObject* type, runlog_run* run, int may_wait) {
  RunObject* made = NULL;
  if (!PyType_Check(type) || !PyType_IsSubtype((PyTypeObject*)type, native.run)) {
    PyErr_SetString(PyExc_TypeError, "no type of runs");
  } else {
    const allocfunc allocate = (allocfunc)PyType_GetSlot((PyTypeObject*)type, Py_tp_alloc);
    made = (RunObject*)allocate((PyTypeObject*)type, 0);
  }
  if (made == NULL) {
    runlog_run_release(run);
    return NULL;
  }
  made->run = run;
  made->may_wait = may_wait != 0;
  return (PyObject*)made;
}

/* start(type, settings, may_wait) */
static PyObject* native_start(PyObject* module, PyObject* args) {
  (void)module;
  PyObject *type, *list;
  int may_wait = 0;
  Settings settings;
  if (!PyArg_ParseTuple(args, "OOp", &type, &list, &may_wait) || !settings_from(list, &settings)) {
    return NULL;
  }
  runlog_run* run = NULL;
  int code = 0;
  WITHOUT_LOCK(true, code = runlog_run_start(settings.items, settings.count, NULL, &run));
  settings_clear(&settings);
  return code == RUNLOG_OK ? run_object_of(type, run, may_wait) : raise_last_error();
}

/* child(type, run, name) */
static PyObject* native_child(PyObject* module, PyObject* args) {
  (void)module;
  PyObject *type, *parent, *name;
  Text text;
  if (!PyArg_ParseTuple(args, "OO!O", &type, (PyObject*)native.run, &parent, &name) ||
      !text_from(name, "a name", &text)) {
    return NULL;
  }
  const RunObject* const of = (RunObject*)parent;
  runlog_run* run = NULL;
  int code = 0;
  WITHOUT_LOCK(true, code = runlog_run_child(of->run, text.data, text.bytes, &run));
  text_clear(&text);
  return code == RUNLOG_OK ? run_object_of(type, run, of->may_wait) : raise_last_error();
}

/* ---- The process ---- */

static PyObject* native_after_fork(PyObject* module, PyObject* unused) {
  (void)module;
  (void)unused;
  ++native.forks;
  Py_RETURN_NONE;
}

static PyObject* native_interpreter_ends(PyObject* module, PyObject* unused) {
  (void)module;
  (void)unused;
  native.is_ending = true;
  Py_RETURN_NONE;
}

static PyMethodDef functions[] = {{"start", native_start, METH_VARARGS, NULL},
                                  {"child", native_child, METH_VARARGS, NULL},
                                  {"after_fork", native_after_fork, METH_NOARGS, NULL},
                                  {"interpreter_ends", native_interpreter_ends, METH_NOARGS, NULL},
                                  {NULL, NULL, 0, NULL}};

/* ---- The module ---- */

static bool add_types(PyObject* module) {
  native.run = make_run_type(module);
  native.metric = make_metric_type(module);
  native.step = make_step_type(module);
  native.reader = make_reader_type(module);
  native.stop = make_stop_type(module);
  const struct {
    const char* name;
    PyTypeObject* type;
  } all[] = {{"Run", native.run},
             {"Metric", native.metric},
             {"Step", native.step},
             {"Reader", native.reader},
             {"Stop", native.stop}};
  for (size_t i = 0; i < sizeof all / sizeof *all; ++i) {
    if (all[i].type == NULL) return false;
    Py_INCREF((PyObject*)all[i].type);
    if (PyModule_AddObject(module, all[i].name, (PyObject*)all[i].type) != 0) {
      Py_DECREF((PyObject*)all[i].type);
      return false;
    }
  }
  return true;
}

/* runlog.Error is made in Python, where it has its words. */
static bool add_error(PyObject* module) {
  PyObject* const errors = PyImport_ImportModule("runlog._error");
  native.error = errors != NULL ? PyObject_GetAttrString(errors, "Error") : NULL;
  Py_XDECREF(errors);
  (void)module;
  return native.error != NULL;
}

/* Handlers of signals, forks and exits are of the process, and so is our state. */
static bool is_main_interpreter(void) {
  if (PyInterpreterState_GetID(PyInterpreterState_Get()) == 0) return true;
  PyErr_SetString(PyExc_ImportError, "runlog works in the main interpreter only");
  return false;
}

static int native_exec(PyObject* module) {
  if (!is_main_interpreter()) return -1;
  native.is_ending = false;
  native.step_word = PyUnicode_InternFromString("step");
  if (native.step_word == NULL || !add_error(module) || !add_types(module) ||
      PyModule_AddFunctions(module, reading_functions) != 0 ||
      PyModule_AddFunctions(module, recovery_functions) != 0 ||
      PyModule_AddStringConstant(module, "version", runlog_version()) != 0) {
    return -1;
  }
  return 0;
}

PyMODINIT_FUNC PyInit__native(void);
PyMODINIT_FUNC PyInit__native(void) {
  static PyModuleDef_Slot slots[] = {{Py_mod_exec, (void*)native_exec},
#ifdef Py_GIL_DISABLED
                                     /* Conversions and Step rely on the lock. */
                                     {Py_mod_gil, Py_MOD_GIL_USED},
#endif
                                     {0, NULL}};
  static PyModuleDef definition = {PyModuleDef_HEAD_INIT,
                                   "_native",
                                   "CPython over runlog.h.",
                                   0,
                                   functions,
                                   slots,
                                   NULL,
                                   NULL,
                                   NULL};
  return PyModuleDef_Init(&definition);
}
