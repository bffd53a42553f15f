/* Lists of journals, recover and clean. The Python layer calls recover from a thread of its own, so
 * that a signal can stop it. */
#include <semaphore.h>
#include <stdatomic.h>
#include <time.h>

#include "native.h"

static PyObject* append(PyObject* list, PyObject* item) {
  if (list != NULL && (item == NULL || PyList_Append(list, item) != 0)) Py_CLEAR(list);
  Py_XDECREF(item);
  return list;
}

/* ---- Stop ---- */

enum { kOutcome, kProgress, kWait, kEnd };

/* Asks a recovery to stop, and hands what it tells to the Python thread that waits for it. Python
 * must not run in the hooks: it may end their thread, by unwinding it through C++. So a hook leaves
 * what it was given here, and waits until it has been taken. */
typedef struct StopObject {
  PyObject_HEAD runlog_stop* stop;
  sem_t told;  /* `kind` and `what` are there */
  sem_t taken; /* and have been taken */
  int kind;
  const void* what;
  size_t what_bytes;
  bool is_taking; /* the thread that waits only */
  atomic_bool is_deaf;
} StopObject;

static void tell(StopObject* to, int kind, const void* what, size_t what_bytes) {
  if (atomic_load(&to->is_deaf)) return;
  to->kind = kind;
  to->what = what;
  to->what_bytes = what_bytes;
  sem_post(&to->told);
  while (kind != kEnd && sem_wait(&to->taken) != 0) {
  }
}

static void on_outcome(void* context, const runlog_outcome* outcome) {
  tell(context, kOutcome, outcome, 0);
}
static void on_progress(void* context, const runlog_progress* progress) {
  tell(context, kProgress, progress, 0);
}
static void on_wait(void* context, const char* message, size_t message_bytes) {
  tell(context, kWait, message, message_bytes);
}

static PyObject* object_of_told(const StopObject* stop) {
  switch (stop->kind) {
    case kOutcome:
      return dict_of_outcome(stop->what);
    case kProgress:
      return dict_of_progress(stop->what);
    default:
      return PyUnicode_DecodeUTF8(stop->what, (Py_ssize_t)stop->what_bytes, "replace");
  }
}

static void let_go(StopObject* stop) {
  if (!stop->is_taking) return;
  stop->is_taking = false;
  sem_post(&stop->taken);
}

/* next(): (kind, what is told), after which the recovery goes on at the next call of this or of
 * request(); None: it has ended. Looks for signals while it waits. */
static PyObject* stop_next(PyObject* self, PyObject* unused) {
  (void)unused;
  StopObject* const stop = (StopObject*)self;
  let_go(stop);
  for (int failed = 1; failed != 0;) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    ++until.tv_sec; /* a signal may have reached another thread */
    WITHOUT_LOCK(true, failed = sem_timedwait(&stop->told, &until));
    if (failed != 0 && PyErr_CheckSignals() != 0) return NULL;
  }
  if (stop->kind == kEnd) Py_RETURN_NONE;
  stop->is_taking = true;
  PyObject* const what = object_of_told(stop);
  return what != NULL ? Py_BuildValue("(iN)", stop->kind, what) : NULL;
}

/* end(): next() returns None. */
static PyObject* stop_end(PyObject* self, PyObject* unused) {
  (void)unused;
  tell((StopObject*)self, kEnd, NULL, 0);
  Py_RETURN_NONE;
}

/* request(): and nothing is told any more. */
static PyObject* stop_request(PyObject* self, PyObject* unused) {
  (void)unused;
  StopObject* const stop = (StopObject*)self;
  runlog_stop_request(stop->stop);
  atomic_store(&stop->is_deaf, true);
  sem_post(&stop->taken); /* also of what is told just now */
  stop->is_taking = false;
  Py_RETURN_NONE;
}

static PyObject* make_stop(PyObject* module, PyObject* unused) {
  (void)module;
  (void)unused;
  const allocfunc allocate = (allocfunc)PyType_GetSlot(native.stop, Py_tp_alloc);
  StopObject* const made = (StopObject*)allocate(native.stop, 0);
  if (made == NULL) return NULL;
  made->stop = runlog_stop_create();
  sem_init(&made->told, 0, 0);
  sem_init(&made->taken, 0, 0);
  atomic_init(&made->is_deaf, false);
  return (PyObject*)made;
}

static void stop_dealloc(PyObject* self) {
  PyTypeObject* const type = Py_TYPE(self);
  runlog_stop_release(((StopObject*)self)->stop);
  sem_destroy(&((StopObject*)self)->told);
  sem_destroy(&((StopObject*)self)->taken);
  ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
  Py_DECREF((PyObject*)type);
}

PyTypeObject* make_stop_type(PyObject* module) {
  static PyMethodDef methods[] = {{"request", stop_request, METH_NOARGS, NULL},
                                  {"next", stop_next, METH_NOARGS, NULL},
                                  {"end", stop_end, METH_NOARGS, NULL},
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

static PyObject* outcomes_of(runlog_outcome_list* outcomes) {
  PyObject* list = PyList_New(0);
  for (size_t i = 0; i < outcomes->count; ++i) {
    list = append(list, dict_of_outcome(outcomes->items[i]));
  }
  runlog_outcome_list_release(outcomes);
  return list;
}

/* recover(root, settings, stop, tells_outcomes, tells_progress, tells_waits): a list of outcomes */
static PyObject* recover(PyObject* module, PyObject* args) {
  (void)module;
  PyObject *place, *list, *stop;
  int outcomes_told = 0, progress_told = 0, waits_told = 0;
  Text root;
  Settings settings;
  if (!PyArg_ParseTuple(args, "OOO!ppp", &place, &list, (PyObject*)native.stop, &stop,
                        &outcomes_told, &progress_told, &waits_told) ||
      !text_from(place, "a path", &root)) {
    return NULL;
  }
  if (!settings_from(list, &settings)) {
    text_clear(&root);
    return NULL;
  }
  const runlog_recover_hooks hooks = {.struct_bytes = sizeof hooks,
                                      .context = stop,
                                      .on_outcome = outcomes_told ? on_outcome : NULL,
                                      .on_progress = progress_told ? on_progress : NULL,
                                      .on_wait = waits_told ? on_wait : NULL,
                                      .stop = ((StopObject*)stop)->stop};
  runlog_outcome_list* outcomes = NULL;
  int code = 0;
  WITHOUT_LOCK(true, code = runlog_journals_recover(root.data, root.bytes, settings.items,
                                                    settings.count, &hooks, &outcomes));
  settings_clear(&settings);
  text_clear(&root);
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
