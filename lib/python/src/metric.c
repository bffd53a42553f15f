/* Metric: a name that was looked up once. Step: metrics of one step with one time. */
#include <string.h>

#include "native.h"

/* Of vectorcall (PEP 590), which the limited API has from 3.12 on. In 3.10 and 3.11 the flag, the
 * member and the signature are the same. */
typedef PyObject* (*Call)(PyObject*, PyObject* const*, size_t, PyObject*);
static const unsigned long kHas_vectorcall = 1UL << 11;
static const size_t kArguments_offset = (size_t)1 << (8 * sizeof(size_t) - 1);

typedef struct MetricObject {
  PyObject_HEAD Call call;
  runlog_metric* metric;
  RunObject* run;
  PyObject* name;
} MetricObject;

static void metric_log(const MetricObject* metric, runlog_number value, const int64_t* step) {
  if (step != NULL) {
    WITHOUT_LOCK(metric->run->may_wait, runlog_metric_log_step(metric->metric, value, *step));
  } else {
    WITHOUT_LOCK(metric->run->may_wait, runlog_metric_log(metric->metric, value));
  }
}

static PyObject* metric_log_any(PyObject* self, PyObject* const* args, Py_ssize_t nargs,
                                PyObject* kwnames) {
  static const Signature kSignature = {"metric", {"value", "step", "time", NULL}, 1, 2};
  PyObject* given[3];
  runlog_number value;
  runlog_when at;
  const runlog_when* when = NULL;
  if (!take_arguments(&kSignature, args, nargs, kwnames, given) || !number_from(given[0], &value) ||
      !when_from(given[1], given[2], &at, &when)) {
    return NULL;
  }
  const MetricObject* const metric = (MetricObject*)self;
  if (when != NULL && (when->has & RUNLOG_WHEN_TIME) != 0) {
    WITHOUT_LOCK(metric->run->may_wait,
                 runlog_run_log_metric_when(metric->run->run, metric->metric, value, when));
  } else {
    metric_log(metric, value, when != NULL ? &when->step : NULL);
  }
  Py_RETURN_NONE;
}

/* The common call, m(float, int), goes the short way. */
static PyObject* metric_vectorcall(PyObject* self, PyObject* const* args, size_t nargsf,
                                   PyObject* kwnames) {
  const Py_ssize_t nargs = (Py_ssize_t)(nargsf & ~kArguments_offset);
  const MetricObject* const metric = (MetricObject*)self;
  if (nargs == 2 && kwnames == NULL && PyFloat_CheckExact(args[0]) && PyLong_CheckExact(args[1]) &&
      !metric->run->may_wait) {
    const long long step = PyLong_AsLongLong(args[1]);
    if (step != -1 || PyErr_Occurred() == NULL) {
      runlog_metric_log_step(metric->metric, runlog_real(PyFloat_AsDouble(args[0])), step);
      Py_RETURN_NONE;
    }
    PyErr_Clear();
  }
  return metric_log_any(self, args, nargs, kwnames);
}

/* For callers that know nothing of vectorcall. */
static PyObject* metric_tp_call(PyObject* self, PyObject* args, PyObject* kwargs) {
  PyObject* given[8];
  PyObject* names = NULL;
  const Py_ssize_t nargs = PyTuple_Size(args);
  const Py_ssize_t keywords = kwargs != NULL ? PyDict_Size(kwargs) : 0;
  if (nargs + keywords > 8) {
    PyErr_SetString(PyExc_TypeError, "too many arguments");
    return NULL;
  }
  for (Py_ssize_t i = 0; i < nargs; ++i) given[i] = PyTuple_GetItem(args, i);
  if (keywords > 0) {
    names = PyTuple_New(keywords);
    if (names == NULL) return NULL;
    PyObject* key = NULL;
    PyObject* value = NULL;
    Py_ssize_t at = 0;
    for (Py_ssize_t i = 0; PyDict_Next(kwargs, &at, &key, &value); ++i) {
      Py_INCREF(key);
      PyTuple_SetItem(names, i, key);
      given[nargs + i] = value;
    }
  }
  PyObject* const result = metric_vectorcall(self, given, (size_t)nargs, names);
  Py_XDECREF(names);
  return result;
}

PyObject* metric_of(PyObject* run, PyObject* name) {
  Text text;
  if (!text_from(name, "a name", &text)) return NULL;
  const allocfunc allocate = (allocfunc)PyType_GetSlot(native.metric, Py_tp_alloc);
  MetricObject* const metric = (MetricObject*)allocate(native.metric, 0);
  if (metric != NULL) {
    metric->call = metric_vectorcall;
    metric->metric = runlog_metric_create(((RunObject*)run)->run, text.data, text.bytes);
    Py_INCREF(run);
    metric->run = (RunObject*)run;
    Py_INCREF(name);
    metric->name = name;
  }
  text_clear(&text);
  return (PyObject*)metric;
}

static void metric_dealloc(PyObject* self) {
  MetricObject* const metric = (MetricObject*)self;
  PyTypeObject* const type = Py_TYPE(self);
  runlog_metric_release(metric->metric);
  Py_XDECREF((PyObject*)metric->run);
  Py_XDECREF(metric->name);
  ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
  Py_DECREF((PyObject*)type);
}

static PyObject* metric_repr(PyObject* self) {
  return PyUnicode_FromFormat("<runlog.Metric %R>", ((MetricObject*)self)->name);
}

static PyObject* metric_reduce(PyObject* self, PyObject* unused) {
  (void)unused;
  const MetricObject* const metric = (MetricObject*)self;
  PyObject* const make = PyObject_GetAttrString((PyObject*)metric->run, "metric");
  return make != NULL ? Py_BuildValue("N(O)", make, metric->name) : NULL;
}

static PyObject* metric_name(PyObject* self, void* unused) {
  (void)unused;
  PyObject* const name = ((MetricObject*)self)->name;
  Py_INCREF(name);
  return name;
}

PyTypeObject* make_metric_type(PyObject* module) {
  static PyMethodDef methods[] = {
      FAST("log", metric_log_any, "log(value, step=None, *, time=None): as a call of the metric."),
      {"__reduce__", metric_reduce, METH_NOARGS, NULL},
      {NULL, NULL, 0, NULL}};
  static PyGetSetDef getters[] = {{"name", metric_name, NULL, "The name that was given.", NULL},
                                  {NULL, NULL, NULL, NULL, NULL}};
  static PyMemberDef members[] = {
      {"__vectorcalloffset__", T_PYSSIZET, offsetof(MetricObject, call), READONLY, NULL},
      {NULL, 0, 0, 0, NULL}};
  static PyType_Slot slots[] = {
      {Py_tp_doc,
       "A metric whose name was looked up once, made by Run.metric(): for hot loops.\n\n"
       "    loss = run.metric('train/loss')\n"
       "    loss(0.5, step)\n\n"
       "Call it as metric(value, step=None, *, time=None); Run.log says what these take.\n"
       "Any thread may call it, and forked children, whose values go to their own journals."},
      {Py_tp_call, metric_tp_call},
      {Py_tp_dealloc, metric_dealloc},
      {Py_tp_repr, metric_repr},
      {Py_tp_methods, methods},
      {Py_tp_getset, getters},
      {Py_tp_members, members},
      {0, NULL}};
  static PyType_Spec spec = {"runlog.Metric", sizeof(MetricObject), 0, 0, slots};
  spec.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION |
               (unsigned)kHas_vectorcall;
  (void)module;
  return (PyTypeObject*)PyType_FromSpec(&spec);
}

/* ---- Step ---- */

typedef struct StepObject {
  PyObject_HEAD RunObject* run;
  int64_t number;
  runlog_step step;
  unsigned long thread; /* the only one that may use `step` */
  uint64_t forks;       /* and in the process that made it */
} StepObject;

PyObject* step_object_of(PyObject* run, PyObject* number) {
  int64_t step = 0;
  if (!step_from_any(number, &step)) return NULL;
  const allocfunc allocate = (allocfunc)PyType_GetSlot(native.step, Py_tp_alloc);
  StepObject* const made = (StepObject*)allocate(native.step, 0);
  if (made == NULL) return NULL;
  Py_INCREF(run);
  made->run = (RunObject*)run;
  made->number = step;
  made->thread = PyThread_get_thread_ident();
  made->forks = native.forks;
  runlog_step_begin(&made->step, made->run->run, step);
  return (PyObject*)made;
}

static void step_log_row(StepObject* step, const runlog_named_number* items, size_t count) {
  const bool may_wait = step->run->may_wait;
  if (step->thread == PyThread_get_thread_ident() && step->forks == native.forks) {
    for (size_t i = 0; i < count; ++i) {
      WITHOUT_LOCK(may_wait, runlog_step_log(&step->step, items[i].name.data, items[i].name.bytes,
                                             items[i].value));
    }
  } else {
    const runlog_when when = runlog_at_step(step->number);
    WITHOUT_LOCK(may_wait, runlog_run_log_metrics(step->run->run, items, count, &when));
  }
}

static PyObject* step_log_metric(StepObject* step, const MetricObject* metric, PyObject* object) {
  runlog_number value;
  if (!number_from(object, &value)) return NULL;
  if (step->thread == PyThread_get_thread_ident() && step->forks == native.forks) {
    WITHOUT_LOCK(step->run->may_wait, runlog_step_log_metric(&step->step, metric->metric, value));
  } else {
    metric_log(metric, value, &step->number);
  }
  Py_RETURN_NONE;
}

static PyObject* step_log(PyObject* self, PyObject* const* args, Py_ssize_t nargs,
                          PyObject* kwnames) {
  static const Signature kSignature = {"log", {"metric", "value", NULL}, 1, 2};
  PyObject* given[2];
  if (!take_arguments(&kSignature, args, nargs, kwnames, given)) return NULL;
  StepObject* const step = (StepObject*)self;
  if (given[1] == NULL) {
    Row row;
    if (!row_from(given[0], &row)) return NULL;
    step_log_row(step, row.items, row.count);
    row_clear(&row);
    Py_RETURN_NONE;
  }
  if (Py_TYPE(given[0]) == native.metric) {
    return step_log_metric(step, (MetricObject*)given[0], given[1]);
  }
  Text name;
  runlog_named_number item;
  if (!text_from(given[0], "a name", &name)) return NULL;
  const bool is_done = number_from(given[1], &item.value);
  if (is_done) {
    item.name = (runlog_text){name.data, name.bytes};
    step_log_row(step, &item, 1);
  }
  text_clear(&name);
  if (!is_done) return NULL;
  Py_RETURN_NONE;
}

static void step_dealloc(PyObject* self) {
  PyTypeObject* const type = Py_TYPE(self);
  Py_XDECREF((PyObject*)((StepObject*)self)->run);
  ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
  Py_DECREF((PyObject*)type);
}

static PyObject* step_enter(PyObject* self, PyObject* unused) {
  (void)unused;
  Py_INCREF(self);
  return self;
}

static PyObject* step_exit(PyObject* self, PyObject* unused) {
  (void)self;
  (void)unused;
  Py_RETURN_NONE;
}

static PyObject* step_reduce(PyObject* self, PyObject* unused) {
  (void)self;
  (void)unused;
  PyErr_SetString(PyExc_TypeError, "a Step is of one moment and cannot be pickled");
  return NULL;
}

static PyObject* step_number(PyObject* self, void* unused) {
  (void)unused;
  return PyLong_FromLongLong(((StepObject*)self)->number);
}

PyTypeObject* make_step_type(PyObject* module) {
  static PyMethodDef methods[] = {
      FAST("log", step_log,
           "log(metric, value) or log(dict)\n\n"
           "`metric` is a name or a Metric of the same run. Raises TypeError for what is no "
           "number."),
      {"__enter__", step_enter, METH_NOARGS, NULL},
      {"__exit__", step_exit, METH_VARARGS, NULL},
      {"__reduce__", step_reduce, METH_NOARGS, NULL},
      {NULL, NULL, 0, NULL}};
  static PyGetSetDef getters[] = {{"number", step_number, NULL, "The step.", NULL},
                                  {NULL, NULL, NULL, NULL, NULL}};
  static PyType_Slot slots[] = {
      {Py_tp_doc,
       "One step of training, made by Run.step(): all that is logged with it has its step and,\n"
       "in the thread that made it, the time at which it was made."},
      {Py_tp_dealloc, step_dealloc},
      {Py_tp_methods, methods},
      {Py_tp_getset, getters},
      {0, NULL}};
  static PyType_Spec spec = {
      "runlog.Step", sizeof(StepObject), 0,
      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  (void)module;
  return (PyTypeObject*)PyType_FromSpec(&spec);
}
