// The tracepoints of lttng.cpp, in the form LTTng's headers want: they include this file again.
#undef LTTNG_UST_TRACEPOINT_PROVIDER
#define LTTNG_UST_TRACEPOINT_PROVIDER runlog_bench

#undef LTTNG_UST_TRACEPOINT_INCLUDE
#define LTTNG_UST_TRACEPOINT_INCLUDE "bench/compare/lttng_provider.h"

#if !defined(RUNLOG_BENCH_LTTNG_PROVIDER) || defined(LTTNG_UST_TRACEPOINT_HEADER_MULTI_READ)
#define RUNLOG_BENCH_LTTNG_PROVIDER

#include <lttng/tracepoint.h>

LTTNG_UST_TRACEPOINT_EVENT(
    runlog_bench, metric,
    LTTNG_UST_TP_ARGS(const char*, name, long, step, double, value),
    LTTNG_UST_TP_FIELDS(lttng_ust_field_string(name, name)
                            lttng_ust_field_integer(long, step, step)
                                lttng_ust_field_float(double, value, value)))

#endif

#include <lttng/tracepoint-event.h>
