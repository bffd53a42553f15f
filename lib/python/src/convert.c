/* What callers pass, as what runlog.h takes. */
#include <stdlib.h>
#include <string.h>

#include "native.h"

/* ---- Texts ---- */

/* A str that is no text of Unicode: lone surrogates, as of file names. Their bytes are kept. */
static bool text_from_surrogates(PyObject* object, Text* text) {
  PyErr_Clear();
  PyObject* const encoded = PyUnicode_AsEncodedString(object, "utf-8", "surrogatepass");
  if (encoded == NULL) return false;
  char* data = NULL;
  Py_ssize_t bytes = 0;
  if (PyBytes_AsStringAndSize(encoded, &data, &bytes) != 0) {
    Py_DECREF(encoded);
    return false;
  }
  *text = (Text){data, (size_t)bytes, encoded};
  return true;
}

bool text_from(PyObject* object, const char* what, Text* text) {
  text->owner = NULL;
  Py_ssize_t bytes = 0;
  if (PyUnicode_Check(object)) {
    const char* const data = PyUnicode_AsUTF8AndSize(object, &bytes);
    if (data == NULL) {
      if (!PyErr_ExceptionMatches(PyExc_UnicodeEncodeError)) return false;
      return text_from_surrogates(object, text);
    }
    text->data = data;
    text->bytes = (size_t)bytes;
    return true;
  }
  if (PyBytes_Check(object)) {
    char* data = NULL;
    if (PyBytes_AsStringAndSize(object, &data, &bytes) != 0) return false;
    text->data = data;
    text->bytes = (size_t)bytes;
    return true;
  }
  PyErr_Format(PyExc_TypeError, "%s must be a str, not %R", what, (PyObject*)Py_TYPE(object));
  return false;
}

bool text_or_empty_from(PyObject* object, const char* what, Text* text) {
  if (object != NULL && object != Py_None) return text_from(object, what, text);
  *text = (Text){"", 0, NULL};
  return true;
}

void text_clear(Text* text) {
  Py_CLEAR(text->owner);
}

PyObject* unicode_from(runlog_text text) {
  return PyUnicode_DecodeUTF8(text.data, (Py_ssize_t)text.bytes, "replace");
}

/* ---- Numbers ---- */

static bool number_from_int(PyObject* object, runlog_number* number) {
  int overflow = 0;
  const long long value = PyLong_AsLongLongAndOverflow(object, &overflow);
  if (overflow == 0) {
    if (value == -1 && PyErr_Occurred() != NULL) return false;
    *number = runlog_integer(value);
    return true;
  }
  double nearest = PyLong_AsDouble(object);
  if (nearest == -1.0 && PyErr_Occurred() != NULL) {
    PyErr_Clear(); /* more than a double holds */
    nearest = overflow > 0 ? Py_HUGE_VAL : -Py_HUGE_VAL;
  }
  *number = runlog_real(nearest);
  return true;
}

static bool no_number(PyObject* object) {
  if (PyErr_Occurred() == NULL || PyErr_ExceptionMatches(PyExc_TypeError)) {
    PyErr_Format(PyExc_TypeError, "a value must be a number, not %R", (PyObject*)Py_TYPE(object));
  }
  return false;
}

/* item() of a tensor of several elements raises RuntimeError itself; its subclasses tell of devices
 * and stay. */
static void value_error_of_runtime_error(void) {
  PyObject *kind, *value, *traceback;
  PyErr_Fetch(&kind, &value, &traceback);
  if (kind == PyExc_RuntimeError) {
    PyErr_Format(PyExc_ValueError, "a value must be one number: %S", value != NULL ? value : kind);
    Py_XDECREF(kind);
    Py_XDECREF(value);
    Py_XDECREF(traceback);
  } else {
    PyErr_Restore(kind, value, traceback);
  }
}

/* What item() of a scalar, array or tensor has given. */
static bool number_from_item(PyObject* object, runlog_number* number, bool* has_item) {
  PyObject* const item = PyObject_GetAttrString(object, "item");
  *has_item = item != NULL;
  if (item == NULL) {
    if (!PyErr_ExceptionMatches(PyExc_AttributeError)) return false;
    PyErr_Clear();
    return false;
  }
  PyObject* const value = PyObject_CallObject(item, NULL);
  Py_DECREF(item);
  if (value == NULL) {
    value_error_of_runtime_error();
    return false;
  }
  bool is_done = false;
  if (PyFloat_Check(value)) {
    *number = runlog_real(PyFloat_AsDouble(value));
    is_done = true;
  } else if (PyLong_Check(value)) {
    is_done = number_from_int(value, number);
  } else {
    no_number(object);
  }
  Py_DECREF(value);
  return is_done;
}

bool number_from_any(PyObject* object, runlog_number* number) {
  if (PyLong_Check(object)) return number_from_int(object, number);
  if (PyFloat_Check(object)) {
    *number = runlog_real(PyFloat_AsDouble(object));
    return true;
  }
  if (PyUnicode_Check(object) || PyBytes_Check(object) || object == Py_None) {
    return no_number(object);
  }
  bool has_item = false;
  if (number_from_item(object, number, &has_item)) return true;
  if (has_item || PyErr_Occurred() != NULL) return false;
  if (PyIndex_Check(object)) {
    PyObject* const index = PyNumber_Index(object);
    if (index == NULL) return no_number(object);
    const bool is_done = number_from_int(index, number);
    Py_DECREF(index);
    return is_done;
  }
  const double value = PyFloat_AsDouble(object);
  if (value == -1.0 && PyErr_Occurred() != NULL) return no_number(object);
  *number = runlog_real(value);
  return true;
}

/* ---- Steps and times ---- */

static bool no_step(PyObject* object) {
  if (PyErr_Occurred() != NULL && PyErr_ExceptionMatches(PyExc_OverflowError)) {
    PyErr_SetString(PyExc_OverflowError, "a step must fit in 64 bits");
  } else if (PyErr_Occurred() == NULL || PyErr_ExceptionMatches(PyExc_TypeError)) {
    PyErr_Format(PyExc_TypeError, "a step must be an integer, not %R", (PyObject*)Py_TYPE(object));
  }
  return false;
}

bool step_from_any(PyObject* object, int64_t* step) {
  if (PyLong_Check(object)) {
    *step = PyLong_AsLongLong(object);
    return *step != -1 || PyErr_Occurred() == NULL || no_step(object);
  }
  if (PyIndex_Check(object) && !PyFloat_Check(object)) {
    PyObject* const index = PyNumber_Index(object);
    if (index != NULL) {
      *step = PyLong_AsLongLong(index);
      Py_DECREF(index);
      return *step != -1 || PyErr_Occurred() == NULL || no_step(object);
    }
    if (!PyErr_ExceptionMatches(PyExc_TypeError)) return false;
    PyErr_Clear(); /* a tensor of floats says that it has an index */
  }
  runlog_number number;
  if (!number_from(object, &number)) return no_step(object);
  if (number.type == RUNLOG_INTEGER) {
    *step = number.value.integer;
    return true;
  }
  const double real = number.value.real;
  if (!(real >= -9223372036854775808.0 && real < 9223372036854775808.0) ||
      (double)(int64_t)real != real) {
    PyErr_SetString(PyExc_ValueError, "a step must be a whole number of 64 bits");
    return false;
  }
  *step = (int64_t)real;
  return true;
}

static bool time_from(PyObject* time, int64_t* time_ns) {
  PyObject* seconds = NULL;
  if (PyFloat_Check(time) || PyLong_Check(time)) {
    Py_INCREF(time);
    seconds = time;
  } else if (PyObject_HasAttrString(time, "timestamp")) {
    seconds = PyObject_CallMethod(time, "timestamp", NULL);
    if (seconds == NULL) return false;
  } else {
    PyErr_SetString(PyExc_TypeError, "a time must be seconds since 1970, or a datetime");
    return false;
  }
  const double value = PyFloat_AsDouble(seconds);
  Py_DECREF(seconds);
  if (value == -1.0 && PyErr_Occurred() != NULL) return false;
  if (!(value > -9.2e9 && value < 9.2e9)) {
    PyErr_SetString(PyExc_ValueError, "a time must be seconds since 1970, before the year 2261");
    return false;
  }
  const double whole = (double)(int64_t)value;
  *time_ns = (int64_t)whole * 1000000000 + (int64_t)((value - whole) * 1e9);
  return true;
}

bool when_from(PyObject* step, PyObject* time, runlog_when* when, const runlog_when** given) {
  *when = (runlog_when){0, 0, 0};
  if (step != NULL && step != Py_None) {
    if (!step_from_any(step, &when->step)) return false;
    when->has |= RUNLOG_WHEN_STEP;
  }
  if (time != NULL && time != Py_None) {
    if (!time_from(time, &when->time_ns)) return false;
    when->has |= RUNLOG_WHEN_TIME;
  }
  *given = when->has != 0 ? when : NULL;
  return true;
}

/* ---- Arguments ---- */

static int index_of_keyword(const Signature* signature, PyObject* keyword) {
  for (int i = 0; signature->names[i] != NULL; ++i) {
    if (PyUnicode_CompareWithASCIIString(keyword, signature->names[i]) == 0) return i;
  }
  return -1;
}

bool take_arguments(const Signature* signature, PyObject* const* args, Py_ssize_t nargs,
                    PyObject* kwnames, PyObject** out) {
  int count = 0;
  while (signature->names[count] != NULL) out[count++] = NULL;
  if (nargs > signature->positional) {
    PyErr_Format(PyExc_TypeError, "%s() takes at most %d positional arguments (%zd given)",
                 signature->function, signature->positional, nargs);
    return false;
  }
  for (Py_ssize_t i = 0; i < nargs; ++i) out[i] = args[i];
  const Py_ssize_t keywords = kwnames != NULL ? PyTuple_Size(kwnames) : 0;
  for (Py_ssize_t i = 0; i < keywords; ++i) {
    PyObject* const keyword = PyTuple_GetItem(kwnames, i);
    const int at = index_of_keyword(signature, keyword);
    if (at < 0 || out[at] != NULL) {
      PyErr_Format(PyExc_TypeError, at < 0 ? "%s() has no argument '%U'" : "%s() got '%U' twice",
                   signature->function, keyword);
      return false;
    }
    out[at] = args[nargs + i];
  }
  for (int i = 0; i < signature->required; ++i) {
    if (out[i] != NULL) continue;
    PyErr_Format(PyExc_TypeError, "%s() misses the argument '%s'", signature->function,
                 signature->names[i]);
    return false;
  }
  return true;
}
