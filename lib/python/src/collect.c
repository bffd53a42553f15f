/* Arrays, rows and settings from what callers pass. */
#include <stdlib.h>
#include <string.h>

#include "native.h"

/* ---- Arrays ---- */

static size_t element_bytes(long element) {
  switch (element) {
    case RUNLOG_F64:
    case RUNLOG_I64:
    case RUNLOG_U64:
      return 8;
    case RUNLOG_F32:
    case RUNLOG_I32:
    case RUNLOG_U32:
      return 4;
    case RUNLOG_I16:
    case RUNLOG_U16:
      return 2;
    case RUNLOG_I8:
    case RUNLOG_U8:
    case RUNLOG_BOOL:
      return 1;
    default:
      return 0;
  }
}

/* (element, bytes): memory of bytes is aligned for any element. */
static bool array_from_pair(PyObject* pair, Array* array) {
  const long element = PyLong_AsLong(PyTuple_GetItem(pair, 0));
  const size_t size = element_bytes(element);
  char* data = NULL;
  Py_ssize_t bytes = 0;
  if (PyBytes_AsStringAndSize(PyTuple_GetItem(pair, 1), &data, &bytes) != 0) return false;
  if (size == 0 || (size_t)bytes % size != 0) {
    PyErr_SetString(PyExc_ValueError, "no array of this element");
    return false;
  }
  Py_INCREF(pair);
  array->owner = pair;
  array->array = (runlog_array){data, (size_t)bytes / size, (int32_t)element};
  return true;
}

static bool is_pair(PyObject* object) {
  return PyTuple_Check(object) && PyTuple_Size(object) == 2 &&
         PyBytes_Check(PyTuple_GetItem(object, 1));
}

bool array_from(PyObject* object, Array* array) {
  *array = (Array){{NULL, 0, RUNLOG_NUMBER}, NULL, NULL};
  if (is_pair(object)) return array_from_pair(object, array);
  /* A copy: what runs in a conversion may change a list. */
  PyObject* const values = PySequence_Tuple(object);
  if (values == NULL) return false;
  const Py_ssize_t count = PyTuple_Size(values);
  array->numbers = PyMem_Malloc((count > 0 ? (size_t)count : 1) * sizeof(runlog_number));
  bool is_done = array->numbers != NULL;
  if (!is_done) PyErr_NoMemory();
  for (Py_ssize_t i = 0; is_done && i < count; ++i) {
    is_done = number_from(PyTuple_GetItem(values, i), &array->numbers[i]);
  }
  Py_DECREF(values);
  if (!is_done) {
    array_clear(array);
    return false;
  }
  array->array.data = array->numbers;
  array->array.count = (size_t)count;
  return true;
}

void array_clear(Array* array) {
  Py_CLEAR(array->owner);
  PyMem_Free(array->numbers);
  array->numbers = NULL;
}

/* ---- Rows ---- */

static bool row_grow(Row* row) {
  const size_t capacity = row->capacity * 4;
  runlog_named_number* const items = PyMem_Malloc(capacity * sizeof *items);
  PyObject** const owners = PyMem_Malloc(capacity * sizeof *owners);
  if (items == NULL || owners == NULL) {
    PyMem_Free(items);
    PyMem_Free(owners);
    PyErr_NoMemory();
    return false;
  }
  memcpy(items, row->items, row->count * sizeof *items);
  memcpy(owners, row->owners, row->count * sizeof *owners);
  if (row->items != row->own_items) {
    PyMem_Free(row->items);
    PyMem_Free(row->owners);
  }
  row->items = items;
  row->owners = owners;
  row->capacity = capacity;
  return true;
}

/* Takes `owner`, the object whose text `name` is. */
static bool row_add(Row* row, PyObject* owner, Text name, runlog_number value) {
  if (row->count == row->capacity && !row_grow(row)) {
    Py_DECREF(owner);
    return false;
  }
  row->items[row->count] = (runlog_named_number){{name.data, name.bytes}, value};
  row->owners[row->count++] = owner;
  return true;
}

static bool row_add_named(Row* row, PyObject* name, runlog_number value) {
  Text text;
  if (!text_from(name, "a name", &text)) return false;
  PyObject* owner = text.owner;
  if (owner == NULL) {
    Py_INCREF(name);
    owner = name;
  }
  return row_add(row, owner, text, value);
}

/* The name of an entry: "outer/inner" below a name, and str() of what is no text. */
static PyObject* entry_name(PyObject* prefix, PyObject* key) {
  PyObject* text = NULL;
  if (PyUnicode_Check(key) || (PyBytes_Check(key) && prefix == NULL)) {
    Py_INCREF(key);
    text = key;
  } else {
    text = PyObject_Str(key);
  }
  if (text == NULL || prefix == NULL) return text;
  PyObject* const name = PyUnicode_FromFormat("%U/%U", prefix, text);
  Py_DECREF(text);
  return name;
}

static bool row_add_items(Row* row, PyObject* prefix, PyObject* mapping);

static bool row_add_entry(Row* row, PyObject* prefix, PyObject* key, PyObject* value) {
  PyObject* const name = entry_name(prefix, key);
  if (name == NULL) return false;
  bool is_done = false;
  runlog_number number;
  if (PyDict_Check(value)) {
    PyObject* const inner = PyObject_Str(name);
    is_done = inner != NULL && row_add_items(row, inner, value);
    Py_XDECREF(inner);
  } else if (number_from(value, &number)) {
    is_done = row_add_named(row, name, number);
  } else if (PyErr_ExceptionMatches(PyExc_TypeError)) {
    PyErr_Format(PyExc_TypeError, "the value of %R must be a number, not %R", name,
                 (PyObject*)Py_TYPE(value));
  }
  Py_DECREF(name);
  return is_done;
}

static bool row_add_items(Row* row, PyObject* prefix, PyObject* mapping) {
  if (Py_EnterRecursiveCall(" in a dict of metrics") != 0) return false;
  /* A copy of its entries: what runs in a conversion may change a dict. */
  PyObject* const items = PyDict_Check(mapping) ? PyDict_Items(mapping) : PyMapping_Items(mapping);
  bool is_done = items != NULL;
  const Py_ssize_t count = is_done ? PyList_Size(items) : 0;
  for (Py_ssize_t i = 0; is_done && i < count; ++i) {
    PyObject* const pair = PyList_GetItem(items, i);
    is_done = PyTuple_Check(pair) && PyTuple_Size(pair) == 2 &&
              row_add_entry(row, prefix, PyTuple_GetItem(pair, 0), PyTuple_GetItem(pair, 1));
    if (!is_done && PyErr_Occurred() == NULL) {
      PyErr_SetString(PyExc_TypeError, "items() must give pairs");
    }
  }
  Py_XDECREF(items);
  Py_LeaveRecursiveCall();
  return is_done;
}

/* A dict of str and float or int, for which no code of the caller runs. False, without an
 * exception, where it is not such a dict, or has more entries than fit. */
static bool row_from_plain(PyObject* dict, Row* row) {
  if (!PyDict_CheckExact(dict)) return false;
  PyObject* key = NULL;
  PyObject* value = NULL;
  Py_ssize_t at = 0;
  while (PyDict_Next(dict, &at, &key, &value)) {
    runlog_named_number* const item = &row->items[row->count];
    Py_ssize_t bytes = 0;
    if (row->count == row->capacity || !PyUnicode_CheckExact(key)) return false;
    if (PyFloat_CheckExact(value)) {
      item->value = runlog_real(PyFloat_AsDouble(value));
    } else if (!PyLong_CheckExact(value) || !number_from_any(value, &item->value)) {
      return false;
    }
    item->name.data = PyUnicode_AsUTF8AndSize(key, &bytes);
    item->name.bytes = (size_t)bytes;
    if (item->name.data == NULL) {
      PyErr_Clear();
      return false;
    }
    Py_INCREF(key); /* another thread may change the dict while the row is written */
    row->owners[row->count++] = key;
  }
  return true;
}

bool row_from(PyObject* mapping, Row* row) {
  row->items = row->own_items;
  row->owners = row->own_owners;
  row->count = 0;
  row->capacity = sizeof row->own_items / sizeof *row->own_items;
  if (row_from_plain(mapping, row)) return true;
  if (!PyDict_Check(mapping) && !PyObject_HasAttrString(mapping, "items")) {
    row_clear(row);
    PyErr_Format(PyExc_TypeError, "a name, or a dict of names and numbers, must be given, not %R",
                 (PyObject*)Py_TYPE(mapping));
    return false;
  }
  for (size_t i = 0; i < row->count; ++i) Py_DECREF(row->owners[i]);
  row->count = 0;
  if (row_add_items(row, NULL, mapping)) return true;
  row_clear(row);
  return false;
}

void row_clear(Row* row) {
  for (size_t i = 0; i < row->count; ++i) Py_DECREF(row->owners[i]);
  row->count = 0;
  if (row->items != row->own_items) {
    PyMem_Free(row->items);
    PyMem_Free(row->owners);
  }
}

/* ---- Settings ---- */

static bool settings_add(Settings* settings, PyObject* pair) {
  Text* const texts = &settings->texts[settings->count * 2];
  if (!PyTuple_Check(pair) || PyTuple_Size(pair) != 2) {
    PyErr_SetString(PyExc_TypeError, "a setting must be a pair");
    return false;
  }
  if (!text_from(PyTuple_GetItem(pair, 0), "the name of a setting", &texts[0])) return false;
  if (!text_from(PyTuple_GetItem(pair, 1), "a setting", &texts[1])) {
    text_clear(&texts[0]);
    return false;
  }
  settings->items[settings->count++] =
      (runlog_setting){{texts[0].data, texts[0].bytes}, {texts[1].data, texts[1].bytes}};
  return true;
}

bool settings_from(PyObject* list, Settings* settings) {
  *settings = (Settings){NULL, NULL, 0};
  if (!PyList_Check(list)) {
    PyErr_SetString(PyExc_TypeError, "settings must be a list of pairs");
    return false;
  }
  const size_t count = (size_t)PyList_Size(list);
  settings->items = PyMem_Malloc((count + 1) * sizeof *settings->items);
  settings->texts = PyMem_Malloc((count + 1) * 2 * sizeof *settings->texts);
  bool is_done = settings->items != NULL && settings->texts != NULL;
  if (!is_done) PyErr_NoMemory();
  for (size_t i = 0; is_done && i < count; ++i) {
    is_done = settings_add(settings, PyList_GetItem(list, (Py_ssize_t)i));
  }
  if (!is_done) settings_clear(settings);
  return is_done;
}

void settings_clear(Settings* settings) {
  for (size_t i = 0; i < settings->count * 2; ++i) text_clear(&settings->texts[i]);
  PyMem_Free(settings->items);
  PyMem_Free(settings->texts);
  *settings = (Settings){NULL, NULL, 0};
}
