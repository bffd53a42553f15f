/* The native module: CPython objects over runlog.h. This header has what its files share. The
 * module keeps to CPython's limited API, so that one binary serves CPython 3.10 and later.
 *
 * The lock of the interpreter (GIL) is held in calls that cost less than a microsecond, and
 * released in those that may wait for a disk, a store or another thread. Where the run's settings
 * let each record wait (sync=each_record, overflow=block), it is released for each record.
 *
 * Values of the caller may run code when they are converted: __float__, __index__, __hash__. So
 * each call converts all that it was given first, and calls runlog.h then.
 *
 * C, and not C++: a thread that comes back to an interpreter that has ended is unwound through us.
 */
#ifndef RUNLOG_PYTHON_NATIVE_H
#define RUNLOG_PYTHON_NATIVE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <structmember.h>

#include "runlog/runlog.h"

/* ---- Of the one interpreter that may use the module ---- */

typedef struct NativeState {
  PyObject* error;   /* runlog.Error */
  PyTypeObject* run; /* and the other types of the module */
  PyTypeObject* metric;
  PyTypeObject* step;
  PyTypeObject* reader;
  PyTypeObject* stop;
  PyObject* step_word; /* "step", interned */
  uint64_t forks;      /* how many forks lie between the first process and this one */
  bool is_ending;      /* the interpreter ends: a handle that goes now leaves its run open */
} NativeState;
extern NativeState native;

/* ---- Errors ---- */

/* Raises runlog.Error with this thread's last error of runlog.h. Returns NULL. */
PyObject* raise_last_error(void);
/* None, or raises. */
PyObject* none_or_raise(int code);

/* ---- Arguments of METH_FASTCALL | METH_KEYWORDS functions ---- */

typedef struct Signature {
  const char* function;
  const char* names[8]; /* NULL behind the last */
  int required;
  int positional; /* so many may be given by position */
} Signature;

/* Fills `out`, one element for each name; NULL for what was not given. Borrowed references. */
bool take_arguments(const Signature* signature, PyObject* const* args, Py_ssize_t nargs,
                    PyObject* kwnames, PyObject** out);

/* ---- Conversions: false, and an exception is set, where it cannot be done ---- */

/* UTF-8 of a str or bytes; what is no text of Unicode (lone surrogates) goes as its bytes. */
typedef struct Text {
  const char* data;
  size_t bytes;
  PyObject* owner; /* NULL: the object that it was made of */
} Text;
bool text_from(PyObject* object, const char* what, Text* text);
void text_clear(Text* text);
/* `object` may be NULL or None: the empty text. */
bool text_or_empty_from(PyObject* object, const char* what, Text* text);
PyObject* unicode_from(runlog_text text);

/* int, float, bool, and what has item() (scalars, 0-d arrays and tensors), __index__ or __float__.
 */
bool number_from_any(PyObject* object, runlog_number* number);
static inline bool number_from(PyObject* object, runlog_number* number) {
  if (PyFloat_CheckExact(object)) {
    *number = runlog_real(PyFloat_AsDouble(object));
    return true;
  }
  return number_from_any(object, number);
}

/* An integer of 64 bits, also as a float without a fraction. */
bool step_from_any(PyObject* object, int64_t* step);

/* `step` and `time` may be NULL or None. *given is `when`, or NULL where there is neither. `time`:
 * seconds since 1970, or what has timestamp(). */
bool when_from(PyObject* step, PyObject* time, runlog_when* when, const runlog_when** given);

/* (element, bytes), as the Python layer makes of buffers, or a list or tuple of numbers. */
typedef struct Array {
  runlog_array array;
  PyObject* owner;
  runlog_number* numbers;
} Array;
bool array_from(PyObject* object, Array* array);
void array_clear(Array* array);

/* Names and numbers of a dict; a dict in it has its names behind "its name/". */
typedef struct Row {
  runlog_named_number* items;
  PyObject** owners; /* of the names */
  size_t count;
  size_t capacity;
  runlog_named_number own_items[16];
  PyObject* own_owners[16];
} Row;
bool row_from(PyObject* mapping, Row* row);
void row_clear(Row* row);

/* Settings of runlog.h from a list of pairs of str. */
typedef struct Settings {
  runlog_setting* items;
  Text* texts;
  size_t count;
} Settings;
bool settings_from(PyObject* list, Settings* settings);
void settings_clear(Settings* settings);

/* ---- Structs of runlog.h as dicts ---- */

PyObject* dict_of_journal(const runlog_journal* journal);
PyObject* dict_of_outcome(const runlog_outcome* outcome);
PyObject* dict_of_damage(const runlog_damage* damage);
PyObject* dict_of_stats(const runlog_stats* stats);
PyObject* dict_of_report(const runlog_folder_report* report);
PyObject* dict_of_progress(const runlog_progress* progress);
PyObject* dict_of_cleaned(const runlog_cleaned_file* file);
PyObject* dict_of_error(const runlog_error* error);

/* ---- Objects ---- */

/* Metrics of names that were logged by str objects that live on, by the address of these. */
enum { kKnown_names = 32 };
typedef struct KnownName {
  PyObject* name; /* owned: so no other str gets its address */
  runlog_metric* metric;
} KnownName;

typedef struct RunObject {
  PyObject_HEAD runlog_run* run;
  bool may_wait; /* each record may wait */
  uint32_t strange_names;
  KnownName known[kKnown_names];
} RunObject;

static inline runlog_run* run_of(PyObject* self) {
  return ((RunObject*)self)->run;
}
/* Whether a call with a value of so many bytes may wait: beyond these it may go to a file of its
 * own before the call returns. */
enum { kQuick_bytes_max = 16384 };
static inline bool is_slow(PyObject* self, size_t bytes) {
  return ((RunObject*)self)->may_wait || bytes > kQuick_bytes_max;
}

/* The types, made once. */
PyTypeObject* make_run_type(PyObject* module);
PyTypeObject* make_metric_type(PyObject* module);
PyTypeObject* make_step_type(PyObject* module);
PyTypeObject* make_reader_type(PyObject* module);
PyTypeObject* make_stop_type(PyObject* module);

/* A Metric or a Step of a run. */
PyObject* metric_of(PyObject* run, PyObject* name);
PyObject* step_object_of(PyObject* run, PyObject* number);

/* The functions of the module beside those of module.c, and methods of Run by subject. */
extern PyMethodDef run_value_methods[];
extern PyMethodDef run_end_methods[];
extern PyMethodDef reading_functions[];
extern PyMethodDef recovery_functions[];

#define FAST(name, function, doc) \
  { name, (PyCFunction)(void (*)(void))(function), METH_FASTCALL | METH_KEYWORDS, doc }

/* Runs `call` with the lock of the interpreter released, where `releases` is true. */
#define WITHOUT_LOCK(releases, call)                                      \
  do {                                                                    \
    PyThreadState* const saved = (releases) ? PyEval_SaveThread() : NULL; \
    call;                                                                 \
    if (saved != NULL) PyEval_RestoreThread(saved);                       \
  } while (0)

#endif
