#include "pack/parquet/parquet_encodings.hpp"

#include <random>
#include <vector>

#include "support/catch.hpp"

namespace {

using namespace runlog::format;
using Bytes = std::vector<std::byte>;

}  // namespace

TEST_CASE("encoded numbers come back at every width and length", "[unit][pack]") {
  std::mt19937_64 random(7);
  for (unsigned width = 1; width <= 64; ++width) {
    for (const std::size_t count : {0u, 1u, 2u, 7u, 8u, 9u, 33u, 128u, 129u, 130u, 1000u}) {
      INFO("width " << width << ", count " << count);
      std::vector<std::int64_t> numbers(count), decoded(count);
      for (auto& number : numbers) number = static_cast<std::int64_t>(random() >> (64 - width));
      Bytes bytes;
      encode_delta(numbers, 64, bytes);
      CHECK((decode_delta(bytes, 64, decoded) && decoded == numbers));
      bytes.clear();
      encode_split(numbers, bytes);
      CHECK((decode_split(bytes, decoded) && decoded == numbers));
      if (width > 32) continue;

      bytes.clear();
      for (auto& number : numbers) number = static_cast<std::int32_t>(number);
      encode_delta(numbers, 32, bytes);
      CHECK((decode_delta(bytes, 32, decoded) && decoded == numbers));

      std::vector<std::uint32_t> indices(count), found(count);
      for (auto& index : indices) {
        // Runs and single values in turn.
        const auto last = &index == indices.data() ? 0 : *(&index - 1);
        index = random() % 4 != 0 ? last : static_cast<std::uint32_t>(random() >> (64 - width));
      }
      bytes.clear();
      encode_hybrid(std::span<const std::uint32_t>(indices), width, bytes);
      CHECK((decode_hybrid(bytes, width, std::span(found)) && found == indices));
    }
  }
}

TEST_CASE("a run of numbers is encoded as those numbers are", "[unit][pack]") {
  for (const std::int64_t difference : {0, 1}) {
    for (const std::size_t count : {0u, 1u, 2u, 128u, 129u, 130u, 257u, 20'000u}) {
      INFO("difference " << difference << ", count " << count);
      std::vector<std::int64_t> numbers(count);
      for (std::size_t i = 0; i < count; ++i) {
        numbers[i] = 17 + difference * static_cast<std::int64_t>(i);
      }
      Bytes of_numbers, of_run;
      encode_delta(numbers, 64, of_numbers);
      encode_delta_run(17, difference, count, of_run);
      CHECK(of_run == of_numbers);
    }
  }
}
