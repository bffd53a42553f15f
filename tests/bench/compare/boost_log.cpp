// Boost.Log: a synchronous text file sink with a time stamp in front.
#include <boost/log/attributes/clock.hpp>
#include <boost/log/core.hpp>
#include <boost/log/expressions.hpp>
#include <boost/log/sinks/sync_frontend.hpp>
#include <boost/log/sinks/text_file_backend.hpp>
#include <boost/log/sources/logger.hpp>
#include <boost/log/sources/record_ostream.hpp>
#include <boost/log/support/date_time.hpp>
#include <boost/make_shared.hpp>

#include "bench/compare/writer.hpp"

namespace bench {
namespace {

namespace logging = boost::log;

struct BoostLog {
  using Sink = logging::sinks::synchronous_sink<logging::sinks::text_file_backend>;
  boost::shared_ptr<Sink> sink;
  logging::sources::logger_mt logger;

  void open(const std::filesystem::path& directory) {
    auto backend = boost::make_shared<logging::sinks::text_file_backend>();
    backend->set_file_name_pattern(directory / "log.txt");
    sink = boost::make_shared<Sink>(backend);
    sink->set_formatter(logging::expressions::stream
                        << logging::expressions::attr<boost::posix_time::ptime>("TimeStamp") << ' '
                        << logging::expressions::smessage);
    logging::core::get()->add_global_attribute("TimeStamp", logging::attributes::local_clock());
    logging::core::get()->add_sink(sink);
  }
  void close() {
    logging::core::get()->remove_sink(sink);
    sink->flush();
    sink.reset();
  }
  void metric(std::int64_t step, double value) {
    BOOST_LOG(logger) << kSeries << ' ' << step << ' ' << value;
  }
  void text(std::int64_t step, double value) {
    BOOST_LOG(logger) << kText << ' ' << step << ' ' << value;
  }
};

}  // namespace

void add_boost_log(std::vector<Peer>& peers) {
  peers.push_back({.name = "boost-log",
                   .promise = "its buffer",
                   .make = make_writer<BoostLog>,
                   .count = count_lines,
                   .tight_divisor = 50});
}

}  // namespace bench
