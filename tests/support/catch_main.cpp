// The test programs' main(), compiled once. Catch2 version 3 brings its own.
#if !__has_include(<catch2/catch_all.hpp>)
#define CATCH_CONFIG_RUNNER  // NOLINT(readability-identifier-naming): the name is Catch's
#endif
#include "support/catch.hpp"

#ifdef CATCH_CONFIG_RUNNER
int main(int argc, char** argv) {
  return Catch::Session().run(argc, argv);
}
#endif
