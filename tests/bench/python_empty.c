/* The least that a call from Python into C costs: for tests/bench/python.py. */
#include <Python.h>

static PyObject* empty(PyObject* module, PyObject* const* args, Py_ssize_t nargs) {
  (void)module;
  (void)args;
  (void)nargs;
  Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"empty", (PyCFunction)(void (*)(void))empty, METH_FASTCALL, NULL}, {NULL, NULL, 0, NULL}};
static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_bench_empty", NULL, 0, functions, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__bench_empty(void);
PyMODINIT_FUNC PyInit__bench_empty(void) {
  return PyModule_Create(&definition);
}
