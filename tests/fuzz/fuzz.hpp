// The fuzz targets: one function per file here, called with bytes from anywhere. It must return:
// whatever the bytes are, no crash, no undefined behaviour, no endless loop, no unbounded memory.
//
// Built twice. With the preset `fuzz` as libFuzzer's programs, which invent bytes:
//   build/fuzz/tests/fuzz/<target> -max_total_time=120 /tmp/new tests/fuzz/corpus/<target>
// In every preset as `runlog_fuzz_replay`, which only repeats tests/fuzz/corpus: the entries
// fuzz.<target> of CTest. What a fuzzer finds goes into the corpus, and stays found.
#pragma once

#include <cstddef>
#include <cstdint>

// libFuzzer's name, and its types.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
