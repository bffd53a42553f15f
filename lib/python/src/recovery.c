/* Lists of journals, recover and clean. The Python layer calls recover from a thread of its own, so
 * that a signal can stop it. */
#include "native.h"

static PyObject* append(PyObject* list, PyObject* item) {
  if (list != NULL && (item == NULL || PyList_Append(list, item) != 0)) Py_CLEAR(list);
  Py_XDECREF(item);
  return list;
}

/* ---- Stop ---- */

typedef struct StopObject {
  PyObject_HEAD runlog_stop* stop;
} StopObject;

static PyObject* stop_request(PyObject* self, PyObject* unused) {
  (void)unused;
  runlog_stop_request(((StopObject*)self)->stop);
  Py_RETURN_NONE;
}

static PyObject* make_stop(PyObject* module, PyObject* unused) {
  (void)module;
  (void)unused;
  const allocfunc allocate = (allocfunc)PyType_GetSlot(native.stop, Py_tp_alloc);
  StopObject* const made = (StopObject*)allocate(native.stop, 0);
  if (made != NULL) made->stop = runlog_stop_create();
  return (PyObject*)made;
}

static void stop_dealloc(PyObject* self) {
  PyTypeObject* const type = Py_TYPE(self);
  runlog_stop_release(((StopObject*)self)->stop);
  ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
  Py_DECREF((PyObject*)type);
}

PyTypeObject* make_stop_type(PyObject* module) {
  static PyMethodDef methods[] = {{"request", stop_request, METH_NOARGS, NULL},
                                  {NULL, NULL, 0, NULL}};
  static PyType_Slot slots[] = {{Py_tp_dealloc, stop_dealloc}, {Py_tp_methods, methods}, {0, NULL}};
  static PyType_Spec spec = {"runlog._native.Stop", sizeof(StopObject), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  (void)module;
  return (PyTypeObject*)PyType_FromSpec(&spec);
}

/* ---- Journals ---- */

/* list_journals(path, with counts): (journals, failures) */
static PyObject* list_journals(PyObject* module, PyObject* args) {
  (void)module;
  PyObject* place;
  int with_counts = 0;
  Text path;
  if (!PyArg_ParseTuple(args, "Op", &place, &with_counts) || !text_from(place, "a path", &path)) {
    return NULL;
  }
  runlog_journal_list* journals = NULL;
  int code = 0;
  WITHOUT_LOCK(true, code = with_counts
                                ? runlog_journals_summarize(path.data, path.bytes, &journals)
                                : runlog_journals_list(path.data, path.bytes, &journals));
  text_clear(&path);
  if (code != RUNLOG_OK) return raise_last_error();
  PyObject* list = PyList_New(0);
  for (size_t i = 0; i < journals->count; ++i) {
    list = append(list, dict_of_journal(journals->items[i]));
  }
  PyObject* failures = PyList_New(0);
  for (size_t i = 0; i < journals->failures_count; ++i) {
    failures = append(failures, dict_of_error(journals->failures[i]));
  }
  runlog_journal_list_release(journals);
  if (list == NULL || failures == NULL) {
    Py_XDECREF(list);
    Py_XDECREF(failures);
    return NULL;
  }
  return Py_BuildValue("(NN)", list, failures);
}

/* ---- Recover ---- */

/* What the functions of the hooks need. They run in the thread that recovers, which has released
 * the lock. An exception stops the recovery, and is raised when it has stopped. */
typedef struct Recovery {
  PyThreadState* thread;
  PyObject* on_outcome;
  PyObject* on_progress;
  PyObject* on_wait;
  runlog_stop* stop;
  bool has_raised;
} Recovery;

/* Calls `function` with `argument`, which it takes; with the lock held. */
static void call_hook(Recovery* recovery, PyObject* function, PyObject* argument) {
  PyObject* result = NULL;
  if (argument != NULL) result = PyObject_CallFunctionObjArgs(function, argument, NULL);
  Py_XDECREF(argument);
  Py_XDECREF(result);
  if (result != NULL) return;
  recovery->has_raised = true;
  runlog_stop_request(recovery->stop);
}

static void on_outcome(void* context, const runlog_outcome* outcome) {
  Recovery* const recovery = context;
  if (recovery->on_outcome == Py_None || recovery->has_raised) return;
  PyEval_RestoreThread(recovery->thread);
  call_hook(recovery, recovery->on_outcome, dict_of_outcome(outcome));
  recovery->thread = PyEval_SaveThread();
}

static void on_progress(void* context, const runlog_progress* progress) {
  Recovery* const recovery = context;
  if (recovery->on_progress == Py_None || recovery->has_raised) return;
  PyEval_RestoreThread(recovery->thread);
  call_hook(recovery, recovery->on_progress, dict_of_progress(progress));
  recovery->thread = PyEval_SaveThread();
}

static void on_wait(void* context, const char* message, size_t message_bytes) {
  Recovery* const recovery = context;
  if (recovery->on_wait == Py_None || recovery->has_raised) return;
  PyEval_RestoreThread(recovery->thread);
  call_hook(recovery, recovery->on_wait,
            PyUnicode_DecodeUTF8(message, (Py_ssize_t)message_bytes, "replace"));
  recovery->thread = PyEval_SaveThread();
}

static PyObject* outcomes_of(runlog_outcome_list* outcomes) {
  PyObject* list = PyList_New(0);
  for (size_t i = 0; i < outcomes->count; ++i) {
    list = append(list, dict_of_outcome(outcomes->items[i]));
  }
  runlog_outcome_list_release(outcomes);
  return list;
}

/* recover(root, settings, stop, on_outcome, on_progress, on_wait): a list of outcomes */
static PyObject* recover(PyObject* module, PyObject* args) {
  (void)module;
  PyObject *place, *list, *stop;
  Recovery recovery = {NULL, NULL, NULL, NULL, NULL, false};
  Text root;
  Settings settings;
  if (!PyArg_ParseTuple(args, "OOO!OOO", &place, &list, (PyObject*)native.stop, &stop,
                        &recovery.on_outcome, &recovery.on_progress, &recovery.on_wait) ||
      !text_from(place, "a path", &root)) {
    return NULL;
  }
  if (!settings_from(list, &settings)) {
    text_clear(&root);
    return NULL;
  }
  recovery.stop = ((StopObject*)stop)->stop;
  const runlog_recover_hooks hooks = {.struct_bytes = sizeof hooks,
                                      .context = &recovery,
                                      .on_outcome = on_outcome,
                                      .on_progress = on_progress,
                                      .on_wait = on_wait,
                                      .stop = recovery.stop};
  runlog_outcome_list* outcomes = NULL;
  recovery.thread = PyEval_SaveThread();
  const int code = runlog_journals_recover(root.data, root.bytes, settings.items, settings.count,
                                           &hooks, &outcomes);
  PyEval_RestoreThread(recovery.thread);
  settings_clear(&settings);
  text_clear(&root);
  if (recovery.has_raised) {
    runlog_outcome_list_release(outcomes);
    return NULL;
  }
  return code == RUNLOG_OK ? outcomes_of(outcomes) : raise_last_error();
}

/* clean(root, settings): a list of files */
static PyObject* clean(PyObject* module, PyObject* args) {
  (void)module;
  PyObject *place, *list;
  Text root;
  Settings settings;
  if (!PyArg_ParseTuple(args, "OO", &place, &list) || !text_from(place, "a path", &root)) {
    return NULL;
  }
  if (!settings_from(list, &settings)) {
    text_clear(&root);
    return NULL;
  }
  runlog_cleaned_list* cleaned = NULL;
  int code = 0;
  WITHOUT_LOCK(true, code = runlog_journals_clean(root.data, root.bytes, settings.items,
                                                  settings.count, &cleaned));
  settings_clear(&settings);
  text_clear(&root);
  if (code != RUNLOG_OK) return raise_last_error();
  PyObject* files = PyList_New(0);
  for (size_t i = 0; i < cleaned->count; ++i) {
    files = append(files, dict_of_cleaned(cleaned->items[i]));
  }
  runlog_cleaned_list_release(cleaned);
  return files;
}

PyMethodDef recovery_functions[] = {{"list_journals", list_journals, METH_VARARGS, NULL},
                                    {"recover", recover, METH_VARARGS, NULL},
                                    {"clean", clean, METH_VARARGS, NULL},
                                    {"make_stop", make_stop, METH_NOARGS, NULL},
                                    {NULL, NULL, 0, NULL}};
