// Segments out of anything: a core dump, a disk image.
#include "base/ids.hpp"
#include "base/out_of_memory.hpp"
#include "platform/in_call.hpp"
#include "platform/mapped_file.hpp"
#include "runlog/reader.hpp"
#include "segment/segment_walker.hpp"

namespace runlog {

Result<SalvageReport> salvage_image(const std::filesystem::path& path,
                                    const std::function<void(const Reader::Entry&)>& visit) {
  const InCall in_call;
  return catch_no_memory([&]() -> Result<SalvageReport> {
    auto file = MappedFile::open_read_only(path);
    if (!file) return std::move(file).error();
    const std::span<const std::byte> image = file->bytes();
    SalvageReport report;
    const std::uint64_t magic = format::segment_magic();
    std::uint64_t at = 0;
    while (at + format::kHeader_bytes <= image.size()) {
      if (load<std::uint64_t>(image.data() + at) != magic) {
        at += 8;
        continue;
      }
      const auto header = format::parse_header(image.subspan(at));
      if (!header) {
        at += 8;
        continue;
      }
      const std::uint64_t bytes = std::min<std::uint64_t>(header->segment_bytes, image.size() - at);
      format::SegmentWalker walker(image.subspan(at, bytes), *header, {.path = path.native()});
      JournalInfo journal;
      journal.path = path;
      journal.session = to_hex(header->session);
      std::vector<Record> batch;
      while (walker.next(batch)) {
        for (const Record& record : batch) {
          ++report.records;
          visit({record, &journal});
        }
      }
      ++report.segments;
      for (Damage damage : walker.damage()) {
        damage.begin += at;
        damage.end += at;
        report.damage.push_back(std::move(damage));
      }
      // Past what was in use, not past the segment's nominal end: in a fragmented image another one
      // may begin before it.
      at += std::max<std::uint64_t>(8, walker.used_bytes() & ~std::uint64_t{7});
    }
    return report;
  });
}

}  // namespace runlog
