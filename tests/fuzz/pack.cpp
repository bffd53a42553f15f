// Any bytes as a pack.
#include <vector>

#include "format/pack.hpp"
#include "fuzz/fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace runlog;
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size);
  auto reader = format::PackReader::open(bytes);
  if (!reader) return 0;
  volatile std::uint64_t sum = reader->info().segments.size() + reader->info().damage.size();
  for (std::size_t i = 0; i < reader->row_groups().size() && i < 16; ++i) {
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
