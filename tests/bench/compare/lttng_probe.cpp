// The traced side of LTTng-UST, a module that lttng.cpp loads: the library starts threads when it
// is loaded, and no other writer's process is to have them.
#define LTTNG_UST_TRACEPOINT_CREATE_PROBES
#define LTTNG_UST_TRACEPOINT_DEFINE
#include "bench/compare/lttng_provider.h"

extern "C" __attribute__((visibility("default"))) void bench_lttng_metric(const char* name,
                                                                          long step, double value) {
  lttng_ust_tracepoint(runlog_bench, metric, name, step, value);
}
