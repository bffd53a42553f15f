// RUNLOG_EXPORT marks what the shared library exports; everything else is hidden.
#pragma once

#include <string>  // for the macro

// The library is built with the standard library's usual layout of strings and containers. In a
// program with another layout the first call would corrupt memory.
#if defined(_GLIBCXX_DEBUG)
#error "runlog's interface cannot be used with -D_GLIBCXX_DEBUG; build that file without it"
#endif
#if defined(_GLIBCXX_USE_CXX11_ABI) && !_GLIBCXX_USE_CXX11_ABI
#error "runlog is built with the strings of C++11; leave out -D_GLIBCXX_USE_CXX11_ABI=0"
#endif

#define RUNLOG_EXPORT __attribute__((visibility("default")))
