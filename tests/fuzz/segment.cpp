// Any bytes as a segment of the conformance journal: walked with its own header, or one rebuilt, as
// the reader and recovery do; and what comes out must be consistent. Then once more with all
// checksums made right, because no fuzzer guesses one, and somebody who forges a file does not
// have to.
#include <cstdlib>
#include <cstring>
#include <vector>

#include "fuzz/fuzz.hpp"
#include "segment/segment_walker.hpp"

namespace {

using namespace runlog;

// Touches what a record points to, so that a view out of bounds is seen.
std::uint64_t touch(const Record& record) {
  std::uint64_t sum = record.name.size();
  for (const char c : record.name) sum += static_cast<unsigned char>(c);
  for (const auto& part : {record.text, record.payload}) {
    if (!part) continue;
    for (const char c : *part) sum += static_cast<unsigned char>(c);
  }
  return sum;
}

void walk(std::span<const std::byte> bytes, const format::SegmentHeader& header,
          format::WalkOptions options) {
  format::SegmentWalker walker(bytes, header, std::move(options));
  std::vector<Record> batch;
  std::uint64_t records = 0;
  volatile std::uint64_t sum = 0;
  while (walker.next(batch)) {
    if (batch.empty()) std::abort();
    std::int64_t last = -1;
    for (const Record& record : batch) {
      if (record.seq <= last) std::abort();
      last = record.seq;
      sum = sum + touch(record);
    }
    records += batch.size();
  }
  // A record takes at least 8 bytes.
  if (records > bytes.size() / 8 || walker.used_bytes() > bytes.size() + format::kBlock_bytes) {
    std::abort();
  }
  for (const Damage& one : walker.damage()) {
    if (one.begin > one.end) std::abort();
  }
}

// Gives the header and each record that can be walked to the checksum that it should have.
void mend(std::span<std::byte> bytes) {
  using format::HeaderAt;
  if (bytes.size() < format::kHeader_bytes) return;
  std::byte* const base = bytes.data();
  store(base + HeaderAt::magic, format::segment_magic());
  store(base + HeaderAt::version, format::kFormat_version);
  store(base + HeaderAt::incompatible, std::uint32_t{0});
  store(base + HeaderAt::crc, crc32c(bytes.first(HeaderAt::crc)));
  const auto header = format::parse_header(bytes);
  if (!header) return;
  const std::uint32_t seed = format::segment_seed(header->session, header->number);
  std::uint32_t group = seed;
  std::uint64_t at = format::kHeader_bytes;
  while (at + format::kCommit_bytes <= bytes.size()) {
    std::byte* const record = base + at;
    const auto word = load<std::uint64_t>(record);
    const std::uint8_t tag = format::commit_tag(word);
    const std::size_t size = format::record_bytes(word);
    if (word == 0 || size > bytes.size() - at) {
      at = align_up(at + 1, format::kBlock_bytes);
      continue;
    }
    std::uint32_t crc = crc32c_word(format::is_metric(tag) ? group : seed, at << 32 | word >> 32);
    crc =
        crc32c_bytes(crc, bytes.subspan(at + format::kCommit_bytes, size - format::kCommit_bytes));
    store(record, word >> 32 << 32 | crc);
    const bool is_head = tag == static_cast<std::uint8_t>(format::Tag::block) && size == 40;
    const bool is_mark = tag == static_cast<std::uint8_t>(format::Tag::mark) && size == 24;
    if (is_head || is_mark) {
      const std::byte* const mark = record + format::kCommit_bytes + (is_head ? 8 : 0);
      group = format::group_seed(seed, load<std::int64_t>(mark), load<std::int64_t>(mark + 8));
    }
    const bool is_pad = tag == static_cast<std::uint8_t>(format::Tag::pad);
    at = is_pad ? align_up(at + size, format::kBlock_bytes) : at + size;
  }
}

void walk_as_found(std::span<const std::byte> bytes) {
  Session session;
  for (std::size_t i = 0; i < 16; ++i) session.bytes[i] = static_cast<std::uint8_t>(i);
  (void)format::is_unused(bytes);
  auto header = format::parse_header(bytes);
  if (!header) header = format::rebuild_header(bytes, session, 7);
  if (!header) {
    header = format::SegmentHeader{};
    header->session = session;
    header->number = 7;
    header->segment_bytes = static_cast<std::uint32_t>(bytes.size());
  }
  walk(bytes, *header, {});
  walk(bytes, *header, {.end_seq = header->first_seq / 2 + 100});
  walk(bytes, *header, {.settled_end = bytes.size() / 2});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 1u << 20) return 0;
  // As mapped files are: aligned to eight bytes.
  std::vector<std::uint64_t> words((size + 7) / 8);
  if (size != 0) std::memcpy(words.data(), data, size);
  const auto bytes = std::as_writable_bytes(std::span(words)).first(size);
  walk_as_found(bytes);
  mend(bytes);
  walk_as_found(bytes);
  return 0;
}
