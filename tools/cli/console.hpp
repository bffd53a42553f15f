// Console: what kind of thing stdout and stderr are, and words to stderr. Data goes elsewhere.
#pragma once

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "runlog/result.hpp"
#include "text.hpp"

namespace runlog::tools {

enum class Color { none, bold, dim, red, green, yellow, blue, magenta, cyan };

inline std::string painted(std::string_view text, Color color, bool with_color) {
  if (!with_color || color == Color::none) return std::string(text);
  const char* code = "";
  switch (color) {
    case Color::none:
      break;
    case Color::bold:
      code = "1";
      break;
    case Color::dim:
      code = "2";
      break;
    case Color::red:
      code = "31";
      break;
    case Color::green:
      code = "32";
      break;
    case Color::yellow:
      code = "33";
      break;
    case Color::blue:
      code = "34";
      break;
    case Color::magenta:
      code = "35";
      break;
    case Color::cyan:
      code = "36";
      break;
  }
  return std::string("\x1b[") + code + "m" + std::string(text) + "\x1b[0m";
}

/// The variable's value; empty when it is not set.
inline std::string environment(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody calls setenv
  return value != nullptr ? value : "";
}

inline bool is_terminal(int fd) {
  return isatty(fd) == 1;
}

/// https://no-color.org: colours only on a terminal, and never with a non-empty NO_COLOR.
inline bool may_color(int fd) {
  return is_terminal(fd) && environment("NO_COLOR").empty() && environment("TERM") != "dumb";
}

/// Columns of the terminal behind `fd`, else of COLUMNS, else `fallback`.
inline int terminal_columns(int fd, int fallback) {
  winsize size = {};
  if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  const int wished = std::atoi(environment("COLUMNS").c_str());
  return wished > 0 ? wished : fallback;
}

/// What a person can do about an error, for the end of its message.
inline const char* advice(Errc code) {
  switch (code) {
    case Errc::invalid_argument:
      return "see --help";
    case Errc::not_found:
      return "check the path";
    case Errc::already_exists:
      return "look at both and remove the wrong one";
    case Errc::io:
      return "check the disk and the permissions";
    case Errc::no_space:
      return "make room and try again";
    case Errc::read_only:
      return "remount it writable, or work on a copy";
    case Errc::busy:
      return "try again when its writer has ended";
    case Errc::corrupt:
      return "try `runlog salvage` on the file";
    case Errc::unsupported:
      return "give a root, a store or a file that runlog wrote";
    case Errc::too_large:
      return "see the limits in the manual";
    case Errc::finished:
      return "start another run";
    case Errc::timeout:
      return "try again with more time";
    case Errc::unavailable:
      return "try again later";
  }
  return "see --help";
}

/// `program: path: what happened; what to do`, as one write, so that lines of two programs do not
/// mix.
inline void say(std::string_view program, std::string_view words) {
  std::string line(program);
  line += ": ";
  append_visible(line, words);
  line += '\n';
  std::fwrite(line.data(), 1, line.size(), stderr);
}

/// A path or URL as it may be shown: without_secrets(), and short.
inline std::string shown_path(std::string_view path) {
  std::string shown = without_secrets(path);
  if (shown != path || path.find("://") != std::string_view::npos) {
    shown.resize(std::min(shown.find('?'), shown.size()));
  }
  return shown;
}

inline void say_error(std::string_view program, std::string_view path, const Error& error) {
  std::string words;
  const std::string shown = shown_path(path);
  if (error.message.find(shown) == std::string::npos) {
    words += shown;
    words += ": ";
  }
  words += error.message;
  if (words.find("; ") == std::string::npos) {  // some messages of the library say it themselves
    words += "; ";
    words += advice(error.code);
  }
  say(program, words);
}

}  // namespace runlog::tools
