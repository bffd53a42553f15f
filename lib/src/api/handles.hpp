// The opaque handles of runlog.h that more than one file here opens.
#pragma once

#include "runlog/run.hpp"
#include "runlog/runlog.h"

struct runlog_run {
  runlog::Run run;
};

struct runlog_metric {
  runlog::Metric metric;
};

namespace runlog::api {

/// work(run), with an inert Run for NULL.
template <typename Handle, typename Work>
auto with(Handle* handle, Work work) {
  if (handle != nullptr) return work(handle->run);
  Run inert;
  return work(inert);
}

}  // namespace runlog::api
