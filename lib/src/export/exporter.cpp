#include "runlog/exporter.hpp"

namespace runlog {

// Each format's is in its record_<format>.cpp.
std::unique_ptr<Exporter> make_json_exporter(ShowText* show);
std::unique_ptr<Exporter> make_csv_exporter(ShowText* show);

namespace {

constexpr ExportFormat kFormats[] = {
    {.name = "json", .summary = "One JSON object per line", .make = make_json_exporter},
    {.name = "csv", .summary = "Comma-separated values with a header", .make = make_csv_exporter},
};

}  // namespace

std::span<const ExportFormat> export_formats() noexcept {
  return kFormats;
}

}  // namespace runlog
