// A table of text with columns as wide as their widest cell. Cells must be visible() already.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "console.hpp"
#include "text.hpp"

namespace runlog::tools {

struct Cell {
  Cell(std::string cell_text,
       Color cell_color = Color::none)  // NOLINT(google-explicit-constructor)
      : text(std::move(cell_text)), color(cell_color) {}
  Cell(const char* cell_text) : text(cell_text) {}  // NOLINT(google-explicit-constructor)
  std::string text;
  Color color = Color::none;
};

class Table {
 public:
  /// A heading that begins with '>' makes its column flush right.
  explicit Table(std::vector<std::string> headings) {
    for (std::string& heading : headings) {
      const bool is_right = heading.starts_with('>');
      columns_.push_back(
          {.heading = is_right ? heading.substr(1) : std::move(heading), .is_right = is_right});
    }
  }

  void add(std::vector<Cell> row) {
    row.resize(columns_.size(), Cell(""));
    rows_.push_back(std::move(row));
  }

  [[nodiscard]] std::size_t size() const { return rows_.size(); }  // rows, without the headings

  /// The lines, each indented by `indent` blanks. A column whose cells are all empty is left out.
  [[nodiscard]] std::string text(bool with_color, std::size_t indent = 0) const {
    std::vector<std::size_t> widths(columns_.size(), 0);
    for (const auto& row : rows_) {
      for (std::size_t i = 0; i < row.size(); ++i) {
        widths[i] = std::max(widths[i], display_width(row[i].text));
      }
    }
    for (std::size_t i = 0; i < widths.size(); ++i) {
      if (widths[i] != 0) widths[i] = std::max(widths[i], display_width(columns_[i].heading));
    }
    std::string out;
    std::vector<Cell> headings;
    for (const Column& column : columns_) headings.emplace_back(column.heading, Color::dim);
    append_row(out, headings, widths, with_color, indent);
    for (const auto& row : rows_) append_row(out, row, widths, with_color, indent);
    return out;
  }

 private:
  struct Column {
    std::string heading = {};
    bool is_right = false;
  };

  void append_row(std::string& out, const std::vector<Cell>& row,
                  const std::vector<std::size_t>& widths, bool with_color,
                  std::size_t indent) const {
    std::string line(indent, ' ');
    std::size_t owed = 0;  // blanks before the next cell, so that no line ends in blanks
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (widths[i] == 0) continue;
      const std::size_t pad = widths[i] - std::min(widths[i], display_width(row[i].text));
      if (columns_[i].is_right) owed += pad;
      if (!row[i].text.empty()) {
        line.append(owed, ' ');
        line += painted(row[i].text, row[i].color, with_color);
        owed = 0;
      }
      if (!columns_[i].is_right) owed += pad;
      owed += 2;
    }
    out += line;
    out += '\n';
  }

  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace runlog::tools
