// Segments out of anything: a core dump, a disk image.
#include "base/ids.hpp"
#include "base/out_of_memory.hpp"
#include "platform/file_bytes.hpp"
#include "platform/in_call.hpp"
#include "runlog/reader.hpp"
#include "segment/segment_walker.hpp"

namespace runlog {
namespace {

/// So much of the image is read at once, to look for headers.
constexpr std::uint64_t kPiece_bytes = 1u << 20;

class Salvage {
 public:
  Salvage(const FileBytes& image, const std::function<void(const Reader::Entry&)>& visit)
      : image_(image), visit_(visit) {}

  SalvageReport run() {
    const std::uint64_t magic = format::segment_magic();
    std::uint64_t at = 0;
    while (at + format::kHeader_bytes <= image_.size()) {
      const std::span<const std::byte> here = bytes_at(at);
      std::uint64_t taken = 0;
      if (load<std::uint64_t>(here.data()) == magic) {
        if (const auto header = format::parse_header(here)) taken = take(at, *header);
      }
      // Past what was in use, not past the segment's nominal end: in a fragmented image another one
      // may begin before it.
      at += std::max<std::uint64_t>(8, taken & ~std::uint64_t{7});
    }
    return std::move(report_);
  }

 private:
  // At least a header.
  std::span<const std::byte> bytes_at(std::uint64_t at) {
    if (at < piece_begin_ || at + format::kHeader_bytes > piece_begin_ + piece_.size()) {
      piece_.resize(std::min(kPiece_bytes, image_.size() - at));
      piece_begin_ = at;
      (void)image_.read(at, piece_);  // what cannot be read is zeros
    }
    return std::span<const std::byte>(piece_).subspan(at - piece_begin_);
  }

  // The segment that begins at `at`; returns how many bytes of it were in use.
  std::uint64_t take(std::uint64_t at, const format::SegmentHeader& header) {
    std::vector<std::byte> bytes(std::min<std::uint64_t>(header.segment_bytes, image_.size() - at));
    (void)image_.read(at, bytes);
    format::SegmentWalker walker(bytes, header, {.path = image_.path().native()});
    JournalInfo journal;
    journal.path = image_.path();
    journal.session = to_hex(header.session);
    std::vector<Record> batch;
    while (walker.next(batch)) {
      for (const Record& record : batch) {
        ++report_.records;
        visit_({record, &journal});
      }
    }
    ++report_.segments;
    for (Damage damage : walker.damage()) {
      damage.begin += at;
      damage.end += at;
      report_.damage.push_back(std::move(damage));
    }
    return walker.used_bytes();
  }

  const FileBytes& image_;
  const std::function<void(const Reader::Entry&)>& visit_;
  SalvageReport report_;
  std::vector<std::byte> piece_;
  std::uint64_t piece_begin_ = 0;
};

}  // namespace

Result<SalvageReport> salvage_image(const std::filesystem::path& path,
                                    const std::function<void(const Reader::Entry&)>& visit) {
  const InCall in_call;
  return catch_no_memory([&]() -> Result<SalvageReport> {
    const auto image = FileBytes::open(path);
    if (!image) return image.error();
    return Salvage(*image, visit).run();
  });
}

}  // namespace runlog
