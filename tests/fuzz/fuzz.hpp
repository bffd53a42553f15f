// The fuzz targets: one function per file here, called with bytes from anywhere. It must return:
// whatever the bytes are, no crash, no undefined behaviour, no endless loop, no unbounded memory.
//
// Built twice. With the preset `fuzz` as libFuzzer's programs, which invent bytes, over a library
// that takes most checksums for right (base/checksum.hpp):
//   build/fuzz/tests/fuzz/fuzz_<target> -max_total_time=120 /tmp/new tests/fuzz/corpus/<target>
// In every preset as replay_<target>, which only repeats tests/fuzz/corpus: the entries
// fuzz.<target> of CTest. What a fuzzer finds goes into the corpus, and stays found.
// tests/fuzz/coverage shows which lines both reach.
#pragma once

#include <cstddef>
#include <cstdint>

// libFuzzer's name, and its types.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
