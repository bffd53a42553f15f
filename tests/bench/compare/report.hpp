// Tables and a chart from results. Knows the shape of the results and nothing of how they came.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace bench {

/// `results`: peer → mode → array of what measure() returned, one per repetition; `order`: the
/// peers. Medians over the repetitions.
std::string table(const nlohmann::json& results, const std::vector<std::string>& order);

/// A chart of burst p50 on a logarithmic axis, with what SIGKILL took beside it.
std::string chart_svg(const nlohmann::json& results, const std::vector<std::string>& order,
                      const std::string& caption);

}  // namespace bench
