// Any bytes as an answer over HTTP: the lines of its head, then pieces of its body. The first byte
// says what was asked for.
#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "fuzz/fuzz.hpp"
#include "store/http/encoding.hpp"
#include "store/http/http_intake.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace runlog;
  if (size < 2) return 0;
  constexpr std::uint64_t kAnswer_max = 4096;
  HttpRequest request;
  request.answer_bytes_max = kAnswer_max;
  std::uint64_t sunk = 0;
  if ((data[0] & 1) != 0) {
    request.sink = [&](const HttpResponse&, std::span<const std::byte> bytes) -> Result<void> {
      sunk += bytes.size();
      if (sunk > 3000 && (data[0] & 2) != 0) return Error{Errc::no_space, 0, "full"};
      return {};
    };
  }
  const int status = (data[0] & 4) != 0 ? 200 : 404;
  const std::size_t piece = 1 + data[1];
  HttpIntake intake(request);
  std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  bool goes_on = true;
  while (goes_on && !text.empty()) {
    const bool is_line = !intake.has_head();
    const std::size_t newline = text.find('\n');
    const std::size_t bytes =
        is_line ? std::min(newline, text.size() - 1) + 1 : std::min(piece, text.size());
    const std::string_view part = text.substr(0, bytes);
    text.remove_prefix(bytes);
    goes_on = is_line ? intake.take_header(part) : intake.take_body(status, part);
  }
  if (goes_on != (intake.stop() == HttpIntake::Stop::none)) std::abort();
  if (sunk > kAnswer_max || intake.response().body.size() > kRefusal_bytes_max + kAnswer_max) {
    std::abort();
  }
  for (const auto& [name, value] : intake.response().headers) {
    if (value.find('\n') != std::string::npos) std::abort();
    if (intake.response().header(name).data() == nullptr) std::abort();
    if (const auto time = parse_http_date(value)) (void)http_date(*time);
  }
  return 0;
}
