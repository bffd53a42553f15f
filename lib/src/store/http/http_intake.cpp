#include "store/http/http_intake.hpp"

#include <new>
#include <string>
#include <utility>

#include "store/http/http_text.hpp"
#include "store/http/peer_limits.hpp"

namespace runlog {
bool HttpIntake::take_header(std::string_view line) noexcept {
  head_bytes_ += line.size();
  if (head_bytes_ > kHead_bytes_max) return stop(Stop::too_large);
  try {
    add_header(line);
  } catch (const std::bad_alloc&) {
    return stop(Stop::too_large);
  }
  return true;
}

void HttpIntake::add_header(std::string_view line) {
  if (line.starts_with("HTTP/")) {  // also after an interim answer
    response_.headers.clear();
    has_head_ = false;
    return;
  }
  if (trim(line).empty()) {
    has_head_ = true;
    return;
  }
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return;
  std::string name(trim(line.substr(0, colon)));
  for (char& c : name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  response_.headers.emplace_back(std::move(name), trim(line.substr(colon + 1)));
}

bool HttpIntake::take_body(int status, std::string_view bytes) noexcept {
  try {
    return add_body(status, bytes);
  } catch (const std::bad_alloc&) {
    return stop(Stop::too_large);
  }
}

bool HttpIntake::add_body(int status, std::string_view bytes) {
  if (status >= 300) {
    const std::size_t room = kRefusal_bytes_max - response_.body.size();
    response_.body += bytes.substr(0, room);
    return bytes.size() <= room || stop(Stop::cut);
  }
  body_bytes_ += bytes.size();
  if (body_bytes_ > request_.answer_bytes_max) return stop(Stop::too_large);
  if (!request_.sink) {
    response_.body += bytes;
    return true;
  }
  response_.status = status;
  auto taken = request_.sink(response_, std::as_bytes(std::span(bytes)));
  if (taken) return true;
  sink_error_ = std::move(taken).error();
  return stop(Stop::sink);
}

}  // namespace runlog
