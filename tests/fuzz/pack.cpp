// Any bytes as a pack.
#include <vector>

#include "fuzz/fuzz.hpp"
#include "pack/pack.hpp"
#include "pack/pack_summary.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace runlog;
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size);
  auto reader = format::PackReader::open(bytes);
  if (!reader) return 0;
  volatile std::uint64_t sum = reader->info().segments.size() + reader->info().damage.size();
  if (const auto text = reader->summary_text()) {
    if (const auto summary = format::parse_summary(*text, reader->rows())) {
      sum = sum + format::encode_summary(*summary).size();
    }
  }
  for (std::size_t i = 0; i < reader->row_groups().size() && i < 16; ++i) {
    if (const auto holds = reader->holds(i, Kind::status)) sum = sum + (*holds ? 1 : 0);
    if (reader->load_columns(i, format::Fields::sums)) {
      for (std::size_t begin = 0; begin < reader->row_groups()[i].rows; begin += 100) {
        for (const Record& record : reader->records(begin, 100)) {
          sum = sum + record.name.size() + record.text.value_or("").size();
        }
      }
    }
    (void)reader->read(i, [&](const Record& record) {
      for (const char c : record.name) sum = sum + static_cast<unsigned char>(c);
      if (record.text && !record.text->empty()) {
        sum = sum + static_cast<unsigned char>(record.text->back());
      }
      if (record.payload && !record.payload->empty()) {
        sum = sum + static_cast<unsigned char>(record.payload->back());
      }
    });
  }
  return 0;
}
