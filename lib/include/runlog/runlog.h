/* The C interface: everything that run.hpp, reader.hpp and recover.hpp can do, for C99 and for the
 * foreign-function interfaces of other languages. Link with -lrunlog.
 *
 *   runlog_setting settings[] = {runlog_set("root", "runs"), runlog_set("project", "mnist")};
 *   runlog_run* run;
 *   if (runlog_run_start(settings, 2, NULL, &run) != RUNLOG_OK) puts(runlog_error_message());
 *   runlog_metric* loss = runlog_metric_create(run, "train/loss", RUNLOG_ZERO_TERMINATED);
 *   for (int step = 0; step < 1000; ++step)
 *     runlog_metric_log_step(loss, runlog_real(0.5), step);
 *   runlog_metric_release(loss);
 *   runlog_run_complete(run);
 *   runlog_run_release(run);
 *
 * A log call appends to a memory-mapped journal and returns: the record survives any death of the
 * process. It survives power loss after the sync interval, or after
 * runlog_run_wait_until(RUNLOG_DURABLE). Background threads pack and ship the journal.
 *
 * Texts that are passed in are a pointer and a length in bytes; RUNLOG_ZERO_TERMINATED as the
 * length means strlen, NULL is the empty text. Any bytes will do: in a name or text each byte that
 * is not UTF-8 becomes U+FFFD, and the record's payload keeps the original bytes of a text. An
 * empty name becomes "unnamed"; one of more than 512 bytes is cut and ends in "~" and a checksum,
 * and so does a name that was not UTF-8. A value of more than 1 MiB is kept whole, as a blob. Texts
 * that are handed out by `size_t f(…, char* buffer, size_t buffer_bytes)` are written there, cut to
 * buffer_bytes - 1 bytes, with a zero behind; the return value is the length of the whole text.
 * Texts in structs are runlog_text, with a zero behind but for those of a runlog_record.
 *
 * Handles and lists are released once, by the function of their type's name and _release, while no
 * other thread uses them. NULL is an inert handle: calls with it do nothing, and return 0, an empty
 * text or RUNLOG_FINISHED.
 *
 * Errors: a function that can fail returns RUNLOG_OK or another runlog_code (or, where it returns a
 * count or 1 and 0, the negated code). The error functions tell this thread's last failed call. A
 * record that finds no room is no error: it is dropped, counted in runlog_stats and, as a gap, in
 * the data.
 *
 * Structs: those of the library come as `const T*` and may get more fields at their end; those that
 * the caller fills begin with struct_bytes, their sizeof; those that the library fills are passed
 * with their sizeof. Set what you do not use to zero.
 *
 * Threads: runs and metrics may be used from all threads at once, readers and followers from one
 * thread at a time. Nothing here may be called from a signal handler. No call is a cancellation
 * point. After fork() the child logs through the same handles, into a journal of its own. Callbacks
 * must return normally: no longjmp, no exception.
 */
#ifndef RUNLOG_RUNLOG_H
#define RUNLOG_RUNLOG_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define RUNLOG_CAST(type, value) static_cast<type>(value)
extern "C" {
#else
#define RUNLOG_CAST(type, value) ((type)(value))
#endif

#define RUNLOG_API __attribute__((visibility("default")))

/* As the length of a text: it ends before its first zero byte. */
#define RUNLOG_ZERO_TERMINATED SIZE_MAX

typedef struct runlog_text {
  const char* data;
  size_t bytes;
} runlog_text;

static inline runlog_text runlog_text_of(const char* zero_terminated) {
  runlog_text text;
  text.data = zero_terminated;
  text.bytes = RUNLOG_ZERO_TERMINATED;
  return text;
}

/* "0.1.0": of the library that is loaded. */
RUNLOG_API const char* runlog_version(void);

/* ---- Errors ---- */

enum runlog_code {
  RUNLOG_OK = 0,
  RUNLOG_INVALID_ARGUMENT = 1, /* a setting, name, path or argument is unusable as given */
  RUNLOG_NOT_FOUND = 2,        /* the path, run or record does not exist */
  RUNLOG_ALREADY_EXISTS = 3,   /* the thing to be created is there already, with other content */
  RUNLOG_IO = 4,          /* a system call failed: see runlog_error_errno(); ENOMEM: no memory */
  RUNLOG_NO_SPACE = 5,    /* disk full, quota reached, or the disk budget is used up */
  RUNLOG_READ_ONLY = 6,   /* the file system refuses writes */
  RUNLOG_BUSY = 7,        /* a live process holds the journal */
  RUNLOG_CORRUPT = 8,     /* bytes that fail their checks */
  RUNLOG_UNSUPPORTED = 9, /* valid, but of a version or kind this build does not know */
  RUNLOG_TOO_LARGE = 10,  /* over a documented limit */
  RUNLOG_FINISHED = 11,   /* the run has ended already, or the handle is NULL */
  RUNLOG_TIMEOUT = 12,    /* the stated time passed first */
  RUNLOG_UNAVAILABLE = 13 /* a store that may answer later */
};

/* "no_space"; "ok" for RUNLOG_OK, "unknown" for what is none. */
RUNLOG_API const char* runlog_code_name(int code);

/* Of the last call of this thread that failed; RUNLOG_OK, 0 and "" before the first. A call that
 * succeeds changes nothing. The message names the action and the path, and what is allowed; it is
 * zero-terminated and lives until the next call of this thread that fails. */
RUNLOG_API int runlog_error_code(void);
RUNLOG_API int runlog_error_errno(void); /* errno, or 0 where no system call was involved */
RUNLOG_API const char* runlog_error_message(void);

typedef struct runlog_error {
  int32_t code; /* runlog_code */
  int32_t os_errno;
  runlog_text message;
} runlog_error;

/* ---- Settings: options by name, so that a new option changes nothing here ---- */

/* `name` is a field of the Options, ReadOptions or RecoverOptions that options.hpp, reader.hpp and
 * recover.hpp describe; `text` is what its RUNLOG_* variable would hold: a text; a number; a bool
 * (0, 1, true, off, …); a duration (250ms, 1.5s, 5m, a bare number is seconds); a size (65536,
 * 16MiB); the name of a policy (each_record). Lists are given one element a setting, as often as
 * needed: "tag" and "param" (name=value), "run" (a glob over run ids), "rank". The last setting of
 * a name stands. An unknown name or unusable text is RUNLOG_INVALID_ARGUMENT, and the message says
 * what is allowed. */
typedef struct runlog_setting {
  runlog_text name;
  runlog_text text;
} runlog_setting;

static inline runlog_setting runlog_set(const char* name, const char* text) {
  runlog_setting setting;
  setting.name = runlog_text_of(name);
  setting.text = runlog_text_of(text);
  return setting;
}

/* ---- Numbers, arrays, and when ---- */

enum runlog_number_type { RUNLOG_REAL = 1, RUNLOG_INTEGER = 2 };

/* A metric's value: a double, kept bit for bit (NaN and infinities too), or an integer. Made by the
 * three functions below. */
typedef struct runlog_number {
  union {
    double real;
    int64_t integer;
  } value;
  uint8_t type; /* runlog_number_type */
} runlog_number;

static inline runlog_number runlog_real(double value) {
  runlog_number number;
  number.value.real = value;
  number.type = RUNLOG_REAL;
  return number;
}
static inline runlog_number runlog_integer(int64_t value) {
  runlog_number number;
  number.value.integer = value;
  number.type = RUNLOG_INTEGER;
  return number;
}
/* Above INT64_MAX it becomes the nearest double. */
static inline runlog_number runlog_unsigned(uint64_t value) {
  return value > INT64_MAX ? runlog_real(RUNLOG_CAST(double, value))
                           : runlog_integer(RUNLOG_CAST(int64_t, value));
}

typedef struct runlog_named_number {
  runlog_text name;
  runlog_number value;
} runlog_named_number;

enum runlog_element {
  RUNLOG_F64 = 1,
  RUNLOG_F32 = 2, /* becomes double, exactly */
  RUNLOG_I64 = 3,
  RUNLOG_I32 = 4,
  RUNLOG_I16 = 5,
  RUNLOG_I8 = 6,
  RUNLOG_U64 = 7,
  RUNLOG_U32 = 8,
  RUNLOG_U16 = 9,
  RUNLOG_U8 = 10,
  RUNLOG_BOOL = 11,  /* bytes of 0 and 1 */
  RUNLOG_NUMBER = 12 /* runlog_number, for lists of integers and reals */
};

/* Contiguous numbers of one type, aligned as the type wants. */
typedef struct runlog_array {
  const void* data;
  size_t count;
  int32_t element; /* runlog_element */
} runlog_array;

typedef struct runlog_column {
  runlog_text name;
  runlog_array values;
} runlog_column;

enum runlog_when_has { RUNLOG_WHEN_STEP = 1, RUNLOG_WHEN_TIME = 2 };

/* Step and time of a record; NULL for one: now, and no step. A time is for what was measured at
 * another time than it is logged; before 1970 it becomes 1970, in the future now, and
 * runlog_stats.times_mended counts both. Such a metric costs some 20 to 50 bytes and a hundred
 * nanoseconds more. */
typedef struct runlog_when {
  uint32_t has; /* of runlog_when_has */
  int64_t step;
  int64_t time_ns; /* since 1970 in UTC */
} runlog_when;

static inline runlog_when runlog_at_step(int64_t step) {
  runlog_when when;
  when.has = RUNLOG_WHEN_STEP;
  when.step = step;
  when.time_ns = 0;
  return when;
}

/* ---- A run: start and handles ---- */

typedef struct runlog_run runlog_run;
typedef struct runlog_metric runlog_metric;

/* Called at most once a second with a failure that no caller gets, from a background thread or from
 * a thread whose call does background work. Must not call into runlog. `context` must live until
 * the run has ended and its handles are released. */
typedef struct runlog_run_hooks {
  size_t struct_bytes;
  void* context;
  void (*on_error)(void* context, const runlog_error* error); /* NULL: one line on stderr */
} runlog_run_hooks;

/* Makes a journal and starts the run's background threads. Settings are the fields of Options; what
 * none names comes from RUNLOG_* variables, launchers, defaults. `hooks` may be NULL. Uses no
 * network; takes < 10 ms on a warm machine. On failure *run is NULL, which may be used like any
 * other handle. Errors: invalid_argument, no_space, read_only, io, already_exists and not_found
 * ("resume"), unsupported (a root on a network file system). */
RUNLOG_API int runlog_run_start(const runlog_setting* settings, size_t settings_count,
                                const runlog_run_hooks* hooks, runlog_run** run);

/* A handle to the process's run: the last one that was started and has not ended. If there is none,
 * starts one when RUNLOG_ROOT, RUNLOG_RUN_ID or RUNLOG_STORE is set, else returns NULL. */
RUNLOG_API runlog_run* runlog_run_current(void);

/* A run of its own, with its own journal and threads, that names `run` as its parent. Its id is
 * "<parent's id>.<name>" on every rank; all settings but tags and params are the parent's. */
RUNLOG_API int runlog_run_child(runlog_run* run, const char* name, size_t name_bytes,
                                runlog_run** child);

/* Another handle to the same run. NULL for NULL, and without memory. */
RUNLOG_API runlog_run* runlog_run_copy(const runlog_run* run);

/* Releasing the last handle of a run that has not ended completes it. A handle that is never
 * released is no harm: exit() ends the run, as failed if the status is not 0. */
RUNLOG_API void runlog_run_release(runlog_run* run);

RUNLOG_API size_t runlog_run_id(const runlog_run* run, char* buffer, size_t buffer_bytes);
RUNLOG_API size_t runlog_run_session(const runlog_run* run, char* buffer, size_t buffer_bytes);
RUNLOG_API size_t runlog_run_journal_path(const runlog_run* run, char* buffer, size_t buffer_bytes);

/* ---- Metrics: tens of nanoseconds and no system call ---- */

/* Repeated, backward and missing steps are kept as they come. */
RUNLOG_API void runlog_run_log(runlog_run* run, const char* name, size_t name_bytes,
                               runlog_number value);
RUNLOG_API void runlog_run_log_step(runlog_run* run, const char* name, size_t name_bytes,
                                    runlog_number value, int64_t step);
RUNLOG_API void runlog_run_log_when(runlog_run* run, const char* name, size_t name_bytes,
                                    runlog_number value, const runlog_when* when);

/* Several metrics: with a step or a time they all have the same time stamp; else each its own. */
RUNLOG_API void runlog_run_log_metrics(runlog_run* run, const runlog_named_number* metrics,
                                       size_t metrics_count, const runlog_when* when);

/* A metric whose name is looked up once: for hot loops. Keeps the run's memory alive, but does not
 * keep it from ending. NULL without memory. */
RUNLOG_API runlog_metric* runlog_metric_create(runlog_run* run, const char* name,
                                               size_t name_bytes);
RUNLOG_API void runlog_metric_release(runlog_metric* metric);
RUNLOG_API void runlog_metric_log(runlog_metric* metric, runlog_number value);
RUNLOG_API void runlog_metric_log_step(runlog_metric* metric, runlog_number value, int64_t step);
/* A metric of another run is dropped and counted. */
RUNLOG_API void runlog_run_log_metric_when(runlog_run* run, const runlog_metric* metric,
                                           runlog_number value, const runlog_when* when);

/* For many metrics of one step: all have its step and the time of runlog_step_begin. Lies where the
 * caller puts it and needs no release; for one thread; must not outlive the run's handle. */
typedef struct runlog_step {
  uint64_t reserved[8];
} runlog_step;
RUNLOG_API void runlog_step_begin(runlog_step* step, runlog_run* run, int64_t number);
RUNLOG_API void runlog_step_log(runlog_step* step, const char* name, size_t name_bytes,
                                runlog_number value);
RUNLOG_API void runlog_step_log_metric(runlog_step* step, const runlog_metric* metric,
                                       runlog_number value);

/* ---- Structured values: kept as JSON text ---- */

/* Numbers have the shortest form that reads back exactly; NaN and infinities are strings. Without
 * memory the record is dropped and counted. Errors: invalid_argument (an unknown element, NULL with
 * a count). */
RUNLOG_API int runlog_run_log_list(runlog_run* run, const char* name, size_t name_bytes,
                                   const runlog_array* values, const runlog_when* when);
RUNLOG_API int runlog_run_log_row(runlog_run* run, const char* name, size_t name_bytes,
                                  const runlog_named_number* columns, size_t columns_count,
                                  const runlog_when* when);
RUNLOG_API int runlog_run_log_table(runlog_run* run, const char* name, size_t name_bytes,
                                    const runlog_column* columns, size_t columns_count,
                                    const runlog_when* when);
/* `edges` ascending, one more than `counts`; other shapes are dropped and counted. */
RUNLOG_API int runlog_run_log_histogram(runlog_run* run, const char* name, size_t name_bytes,
                                        const runlog_array* edges, const runlog_array* counts,
                                        const runlog_when* when);

/* Of `when`, these two use the time. `document` must be JSON; it is not checked. */
RUNLOG_API void runlog_run_log_json(runlog_run* run, const char* schema, size_t schema_bytes,
                                    const char* document, size_t document_bytes,
                                    const runlog_when* when);
enum runlog_level {
  RUNLOG_LEVEL_DEBUG = 0,
  RUNLOG_LEVEL_INFO = 1,
  RUNLOG_LEVEL_WARNING = 2,
  RUNLOG_LEVEL_ERROR = 3
};
RUNLOG_API void runlog_run_log_text(runlog_run* run, int level, const char* message,
                                    size_t message_bytes, const runlog_when* when);

/* ---- Images and artifacts: copied into the journal and synced before the call returns ---- */

/* The source may be deleted at once. Of `when`, they use the step; a time is invalid_argument.
 * Errors: not_found, io, no_space (before the first byte is copied), invalid_argument (not a
 * regular file), finished. Cost: a read, a write and an fsync of the content. */
RUNLOG_API int runlog_run_log_image(runlog_run* run, const char* name, size_t name_bytes,
                                    const void* encoded, size_t encoded_bytes,
                                    const runlog_when* when);
RUNLOG_API int runlog_run_log_image_file(runlog_run* run, const char* name, size_t name_bytes,
                                         const char* path, size_t path_bytes,
                                         const runlog_when* when);
RUNLOG_API int runlog_run_upload_file(runlog_run* run, const char* name, size_t name_bytes,
                                      const char* path, size_t path_bytes, const runlog_when* when);

typedef struct runlog_folder_report {
  uint64_t staged;           /* files */
  uint64_t bytes;            /* in them */
  uint64_t skipped_links;    /* symbolic links, which are not followed */
  uint64_t skipped_journals; /* directories: journals, and runs in a store */
  uint64_t skipped_special;  /* FIFOs, sockets, devices */
} runlog_folder_report;

/* Stages every regular file below `path` as name/relative/path. A file that cannot be staged does
 * not stop the others; the error is that of the first, and counts all. `report` may be NULL; it is
 * filled on success. */
RUNLOG_API int runlog_run_upload_folder(runlog_run* run, const char* name, size_t name_bytes,
                                        const char* path, size_t path_bytes,
                                        runlog_folder_report* report, size_t report_bytes);

/* ---- Facts about the run ---- */

RUNLOG_API void runlog_run_param_number(runlog_run* run, const char* name, size_t name_bytes,
                                        runlog_number value);
/* Above INT64_MAX it is kept as text, with all its digits. */
RUNLOG_API void runlog_run_param_unsigned(runlog_run* run, const char* name, size_t name_bytes,
                                          uint64_t value);
RUNLOG_API void runlog_run_param_text(runlog_run* run, const char* name, size_t name_bytes,
                                      const char* text, size_t text_bytes);
RUNLOG_API void runlog_run_tag(runlog_run* run, const char* name, size_t name_bytes,
                               const char* text, size_t text_bytes);
RUNLOG_API void runlog_run_remove_tag(runlog_run* run, const char* name, size_t name_bytes);
/* The first value of a property stands. 1: this one does; 0: another one did before, which
 * runlog_stats.property_conflicts counts, or the handle is NULL. */
RUNLOG_API int runlog_run_property(runlog_run* run, const char* name, size_t name_bytes,
                                   const char* text, size_t text_bytes);
/* Training resumes from a checkpoint at `step`: readers with "apply_rewind" leave out the records
 * before this call with that step or a later one. Nothing is deleted. */
RUNLOG_API void runlog_run_rewind(runlog_run* run, int64_t step);

/* ---- How far it is, and the end ---- */

/* A hint to seal, pack and ship now what has been logged. Returns at once. */
RUNLOG_API void runlog_run_flush(runlog_run* run);

enum runlog_stage {
  RUNLOG_COMMITTED = 0, /* survives a crash of the process: when the log call returns */
  RUNLOG_DURABLE = 1,   /* survives power loss */
  RUNLOG_SHIPPED = 2    /* the store has acknowledged it */
};
enum runlog_wait {
  RUNLOG_WAIT_DONE = 0,
  RUNLOG_WAIT_TIMEOUT = 1, /* not yet */
  RUNLOG_WAIT_FAILED = 2   /* it cannot be reached; runlog_run_last_error says why */
};
/* Waits until every record whose call returned before this one has reached the stage. */
RUNLOG_API int runlog_run_wait_until(runlog_run* run, int stage, int64_t timeout_ms);

enum runlog_status {
  RUNLOG_RUNNING = 0,
  RUNLOG_COMPLETE = 1,
  RUNLOG_FAILED = 2,
  RUNLOG_CANCELLED = 3 /* also of NULL */
};
RUNLOG_API int runlog_run_status(const runlog_run* run);

/* 1 once a signal of the setting "stop_signals" has asked this process to stop: save, and end the
 * run. Costs one load; for the training loop. */
RUNLOG_API int runlog_run_stop_requested(const runlog_run* run);

/* Counters since the start. Each only grows, except packs_waiting, objects_refused and
 * disk_bytes_now. */
typedef struct runlog_stats {
  uint64_t records;        /* appended */
  uint64_t dropped;        /* by overflow, after the end, or over a limit */
  uint64_t dropped_series; /* of those: values of a series beyond the limit of 1 000 000 */
  uint64_t records_lost;   /* to damage, or with packs removed by hand */
  uint64_t spilled;        /* values kept as blobs because they were too large */
  uint64_t names_mended;   /* names or texts that were empty, too long or not UTF-8 */
  uint64_t times_mended;
  uint64_t property_conflicts;
  uint64_t segments_late; /* segments that a writer had to prepare itself */
  uint64_t syncs;
  uint64_t segments_sealed;
  uint64_t packs_made;
  uint64_t packs_shipped;
  uint64_t bytes_shipped;
  uint64_t records_shipped;
  uint64_t ship_retries;
  uint64_t packs_waiting;
  uint64_t objects_refused; /* by a store that takes others */
  uint64_t disk_bytes_now;  /* segments, packs, artifacts, and kept copies */
  uint64_t lanes;
  uint64_t series;
  uint64_t sigbus_caught;
  uint64_t journals_adopted;  /* dead journals that this run has finished */
  uint64_t reports_unwritten; /* failures that could not be written to stderr */
} runlog_stats;
RUNLOG_API void runlog_run_stats(const runlog_run* run, runlog_stats* stats, size_t stats_bytes);
/* The last background failure and what to do; empty: none. */
RUNLOG_API size_t runlog_run_last_error(const runlog_run* run, char* buffer, size_t buffer_bytes);

/* The end. Writes the end record, packs and ships what is left, and returns when that is done or
 * the finish deadline passes; the next start or runlog-recover ships the rest. The first of the
 * three wins; later calls do nothing, later records are dropped. Join the threads that log before.
 */
RUNLOG_API void runlog_run_complete(runlog_run* run);
RUNLOG_API void runlog_run_fail(runlog_run* run, const char* code, size_t code_bytes,
                                const char* message, size_t message_bytes);
RUNLOG_API void runlog_run_cancel(runlog_run* run);

/* Reading back, from the run's journal only. Blocks while it reads; not for hot loops. */
typedef struct runlog_points {
  runlog_text name;
  size_t count;           /* elements of each of the arrays */
  const int64_t* time_ns; /* since 1970 in UTC */
  const uint8_t* has_step;
  const int64_t* step;
  const double* value; /* an integer metric is converted */
} runlog_points;
typedef struct runlog_points_list {
  const runlog_points* const* items; /* by name */
  size_t count;
} runlog_points_list;
/* `name_glob`: as for fnmatch; NULL: all. */
RUNLOG_API int runlog_run_read_metrics(const runlog_run* run, const char* name_glob,
                                       size_t name_glob_bytes, runlog_points_list** points);
RUNLOG_API void runlog_points_list_release(runlog_points_list* points);

typedef struct runlog_text_list {
  const runlog_text* items;
  size_t count;
} runlog_text_list;
RUNLOG_API int runlog_run_read_file_names(const runlog_run* run, runlog_text_list** names);
RUNLOG_API void runlog_text_list_release(runlog_text_list* names);

/* ---- Journals: which there are ---- */

enum runlog_journal_state {
  RUNLOG_JOURNAL_LIVE = 0, /* its writer holds the lock */
  RUNLOG_JOURNAL_COMPLETE = 1,
  RUNLOG_JOURNAL_FAILED = 2,
  RUNLOG_JOURNAL_CANCELLED = 3,
  RUNLOG_JOURNAL_CRASHED = 4, /* the writer is dead and wrote no end */
  RUNLOG_JOURNAL_UNKNOWN = 5  /* in a store that has no end of it */
};
RUNLOG_API const char* runlog_journal_state_name(int state);

/* Who wrote a journal and how it ended. */
typedef struct runlog_journal {
  runlog_text path; /* journal directory, or the file that was opened */
  runlog_text run_id;
  runlog_text project;
  runlog_text experiment;
  runlog_text name;
  runlog_text group;
  runlog_text parent_run;
  runlog_text parent_session; /* set in the journal of a forked child */
  runlog_text session;        /* 32 hex digits, random per process */
  runlog_text follows;        /* session of the attempt that this one found dead when it started */
  runlog_text host;
  runlog_text command_line;
  runlog_text store_url;  /* without secrets; empty: local only */
  runlog_text end_reason; /* empty: none is known */
  runlog_text refused;    /* the objects that the store refuses, and why; empty: none */
  int64_t rank;
  int64_t world;
  int64_t pid;
  int64_t created_unix_ns;
  int32_t attempt;    /* 1, 2, … among the journals of this run and rank, forks left out */
  int32_t state;      /* runlog_journal_state */
  int32_t end_signal; /* 0: none is known */
  int32_t has_last_step;
  /* The rest is filled by runlog_journals_summarize and, as it becomes known, by a reader. */
  int64_t last_step;
  int64_t last_time_ns; /* 0: no record */
  uint64_t records;
  uint64_t records_lost;     /* to damage */
  uint64_t records_dropped;  /* by policy: sum of the gap records */
  uint64_t segments_waiting; /* that hold records and are not packed */
  uint64_t packs_waiting;    /* not yet acknowledged by the store */
  uint64_t blobs_waiting;
  uint64_t packs_shipped;
  uint64_t bytes_waiting;
} runlog_journal;

/* Bytes that should have been records. begin and end are offsets in `path`; both 0: all of it. */
typedef struct runlog_damage {
  runlog_text path;
  runlog_text why;
  uint64_t begin;
  uint64_t end;
  uint64_t records_lost;
  int32_t exact; /* 0: at least that many */
} runlog_damage;

typedef struct runlog_journal_list {
  const runlog_journal* const* items; /* by run, rank, start time */
  size_t count;
  const runlog_error* const* failures; /* run directories and objects that could not be read */
  size_t failures_count;
  const runlog_damage* const* damage; /* of runlog_journals_summarize */
  size_t damage_count;
} runlog_journal_list;

/* `path` here and below: a root, a run, a journal, a pack or segment file, a store's directory or
 * URL. Reads meta.json and directories, not records. Errors: not_found, unavailable, unsupported (a
 * server that cannot list). What could not be read is in `failures`. */
RUNLOG_API int runlog_journals_list(const char* path, size_t path_bytes,
                                    runlog_journal_list** journals);
/* The same, with the counts filled in. Reads only the footers of packs, but all of segments. */
RUNLOG_API int runlog_journals_summarize(const char* path, size_t path_bytes,
                                         runlog_journal_list** journals);
RUNLOG_API void runlog_journal_list_release(runlog_journal_list* journals);

/* ---- Records ---- */

enum runlog_kind {
  RUNLOG_KIND_UNKNOWN = 0, /* of a newer version */
  RUNLOG_KIND_METRIC = 1,  /* value or int_value */
  RUNLOG_KIND_TEXT = 2,    /* name: the level */
  RUNLOG_KIND_PARAM = 3,   /* text, value or int_value */
  RUNLOG_KIND_TAG = 4,
  RUNLOG_KIND_TAG_REMOVED = 5,
  RUNLOG_KIND_PROPERTY = 6,
  RUNLOG_KIND_LIST = 7,       /* text: a JSON array of numbers */
  RUNLOG_KIND_ROW = 8,        /* text: a JSON object, column to value */
  RUNLOG_KIND_TABLE = 9,      /* text: a JSON object, column to array */
  RUNLOG_KIND_HISTOGRAM = 10, /* text: {"edges":[…],"counts":[…]} */
  RUNLOG_KIND_IMAGE = 11,     /* text: the blob's sha256 in hex; int_value: its bytes */
  RUNLOG_KIND_JSON = 12,      /* name: the schema */
  RUNLOG_KIND_FILE = 13,      /* as image */
  RUNLOG_KIND_REWIND = 14,
  RUNLOG_KIND_STATUS = 15, /* name: "started", "complete", "failed", "cancelled" */
  RUNLOG_KIND_CHILD = 16,  /* name: the child's run id */
  RUNLOG_KIND_GAP = 17,    /* int_value: records dropped just before this one */
  RUNLOG_KIND_SPILL = 18   /* text: {"kind":…,"sha256":…,"bytes":…} */
};
RUNLOG_API const char* runlog_kind_name(int kind); /* "metric"; "unknown" for what is none */
RUNLOG_API int runlog_kind_from_name(const char* name, size_t name_bytes);

enum runlog_has {
  RUNLOG_HAS_STEP = 1,
  RUNLOG_HAS_VALUE = 2,
  RUNLOG_HAS_INT_VALUE = 4,
  RUNLOG_HAS_TEXT = 8,
  RUNLOG_HAS_PAYLOAD = 16
};

/* `name` and `text` are UTF-8; where a caller logged other bytes, `payload` has the original. */
typedef struct runlog_record {
  int64_t seq;     /* counts up by one per record within (session, lane), from 0 */
  int64_t time_ns; /* since 1970 in UTC */
  int32_t lane;    /* stream within the journal */
  int32_t kind;    /* runlog_kind */
  uint32_t has;    /* runlog_has: which of the following it has */
  int64_t step;
  double value;
  int64_t int_value;
  runlog_text name;
  runlog_text text;
  runlog_text payload;
  const runlog_journal* journal;
} runlog_record;

typedef void runlog_visit(void* context, const runlog_record* record);

/* The record as one line of JSON, without a newline; always valid UTF-8. Keys: t, run, rank,
 * session, lane, seq, kind, name, step, value, text, payload (hex). */
RUNLOG_API size_t runlog_record_json(const runlog_record* record, char* buffer,
                                     size_t buffer_bytes);

/* ---- Reader: records merged by time across lanes, ranks and attempts ---- */

typedef struct runlog_reader runlog_reader;

/* Opens a consistent view, read-only: it has every record whose log call had returned. Settings are
 * the fields of ReadOptions. Errors: not_found, corrupt (nothing readable), unsupported. */
RUNLOG_API int runlog_reader_open(const char* path, size_t path_bytes,
                                  const runlog_setting* settings, size_t settings_count,
                                  runlog_reader** reader);
RUNLOG_API void runlog_reader_release(runlog_reader* reader);

/* 1: *record is the next record, which lives until the next call with this reader; its journal
 * lives as long as the reader. 0: there are no more, see damage and failures. */
RUNLOG_API int runlog_reader_next(runlog_reader* reader, const runlog_record** record);

/* Arrays of the caller, of rows_max elements each; those that are NULL are not filled. */
typedef struct runlog_metric_columns {
  size_t struct_bytes;
  int64_t* time_ns;
  uint32_t* series;   /* index for runlog_reader_series */
  uint8_t* has;       /* RUNLOG_HAS_STEP, and RUNLOG_HAS_VALUE or RUNLOG_HAS_INT_VALUE */
  int64_t* step;      /* 0 where there is none */
  double* value;      /* integers are converted */
  int64_t* int_value; /* 0 where there is none */
} runlog_metric_columns;

/* Fills up to rows_max rows with the next metrics and passes over records of other kinds. Returns
 * the rows filled; less than rows_max: there are no more. For arrays without a call per record. */
RUNLOG_API int64_t runlog_reader_next_metrics(runlog_reader* reader,
                                              const runlog_metric_columns* columns,
                                              size_t rows_max);

/* A name in a journal. Counted from 0 as runlog_reader_next_metrics meets them; they live as long
 * as the reader. NULL behind the last. */
typedef struct runlog_series {
  runlog_text name;
  const runlog_journal* journal;
} runlog_series;
RUNLOG_API size_t runlog_reader_series_count(const runlog_reader* reader);
RUNLOG_API const runlog_series* runlog_reader_series(const runlog_reader* reader, size_t index);

/* The journals, with their counts as of now; damage, and what could not be read (an unreachable
 * store: no damage), in what was read so far. NULL behind the last. Damage and failures live until
 * the next call with this reader. */
RUNLOG_API size_t runlog_reader_journals_count(const runlog_reader* reader);
RUNLOG_API const runlog_journal* runlog_reader_journal(runlog_reader* reader, size_t index);
RUNLOG_API size_t runlog_reader_damage_count(const runlog_reader* reader);
RUNLOG_API const runlog_damage* runlog_reader_damage(runlog_reader* reader, size_t index);
RUNLOG_API size_t runlog_reader_failures_count(const runlog_reader* reader);
RUNLOG_API const runlog_error* runlog_reader_failure(runlog_reader* reader, size_t index);

/* ---- Summaries, followers, salvage ---- */

/* All records of one kind and name. The fields from `first` on are of metrics. */
typedef struct runlog_series_summary {
  runlog_text name;
  int32_t kind;
  int32_t has_last_step;
  int64_t last_step; /* of the last record that has one */
  int64_t last_step_time_ns;
  uint64_t records;
  int32_t has_numbers;
  double first;
  double last;
  double min; /* of those that are not NaN; else NaN */
  double max;
  int64_t first_time_ns;
  int64_t last_time_ns;
} runlog_series_summary;

/* A param, a tag or its removal, a property, a file, a child or a status. */
typedef struct runlog_fact {
  runlog_text name;
  runlog_text text;
  int32_t kind;
  uint32_t has; /* runlog_has: text, value, int_value */
  double value;
  int64_t int_value;
  int64_t time_ns;
} runlog_fact;

typedef struct runlog_summary {
  const runlog_journal* journal;
  const runlog_series_summary* const* series; /* by kind and name */
  size_t series_count;
  const runlog_fact* const* facts; /* by time */
  size_t facts_count;
} runlog_summary;

typedef struct runlog_summary_list {
  const runlog_summary* const* items;
  size_t count;
  const runlog_error* const* failures;
  size_t failures_count;
  const runlog_damage* const* damage;
  size_t damage_count;
} runlog_summary_list;

/* runlog_journals_summarize, and a summary of each series, as if all records had been read. */
RUNLOG_API int runlog_journals_summarize_series(const char* path, size_t path_bytes,
                                                runlog_summary_list** summaries);
RUNLOG_API void runlog_summary_list_release(runlog_summary_list* summaries);

typedef struct runlog_follower runlog_follower;

/* Yields the new records of a journal, run or root. Does not take the URL of a store. */
RUNLOG_API int runlog_follower_open(const char* path, size_t path_bytes,
                                    const runlog_setting* settings, size_t settings_count,
                                    runlog_follower** follower);
/* Calls `visit` for each record that it has not yielded yet, by time. 1: a writer is still alive;
 * 0: there will be no more records. Record and journal live until `visit` returns. */
RUNLOG_API int runlog_follower_poll(runlog_follower* follower, runlog_visit* visit, void* context);
RUNLOG_API void runlog_follower_release(runlog_follower* follower);

typedef struct runlog_salvage_report {
  uint64_t segments;
  uint64_t records;
  const runlog_damage* const* damage;
  size_t damage_count;
} runlog_salvage_report;

/* Finds journal segments anywhere in a file (a core dump, a disk image) and visits their records,
 * segment by segment. Of their journal the session and the path are known. Record and journal live
 * until `visit` returns. `report` may be NULL. */
RUNLOG_API int runlog_image_salvage(const char* path, size_t path_bytes, runlog_visit* visit,
                                    void* context, runlog_salvage_report** report);
RUNLOG_API void runlog_salvage_report_release(runlog_salvage_report* report);

/* ---- Recover: pack and ship what dead processes left ---- */

enum runlog_verdict {
  RUNLOG_VERDICT_SHIPPED = 0, /* everything is in its store, or packed where there is none */
  RUNLOG_VERDICT_LIVE = 1,    /* its writer, or another recovery, holds the lock */
  RUNLOG_VERDICT_WAITING = 2, /* something could not be shipped or packed yet */
  RUNLOG_VERDICT_FAILED = 3,  /* nothing could be done with the journal */
  RUNLOG_VERDICT_FOREIGN = 4  /* another user's: nothing in it was looked at */
};
RUNLOG_API const char* runlog_verdict_name(int verdict);

/* What became of one journal. */
typedef struct runlog_outcome {
  const runlog_journal* journal;
  int32_t verdict;
  runlog_text message; /* why it waits or failed, and what to do */
  uint64_t records_kept;
  uint64_t records_damaged;
  uint64_t records_dropped;
  uint64_t packs_shipped;
  uint64_t bytes_shipped;
  const runlog_damage* const* damage;
  size_t damage_count;
  uint32_t owner; /* of a foreign one: the number of the user */
} runlog_outcome;
typedef struct runlog_outcome_list {
  const runlog_outcome* const* items;
  size_t count;
} runlog_outcome_list;

typedef struct runlog_progress {
  uint64_t journals_done;
  uint64_t journals; /* in all */
  uint64_t bytes_shipped;
  uint64_t bytes_waiting;
  runlog_text run_id; /* of the current or last journal */
} runlog_progress;

/* Asks a recover to stop soon; all that it has not done stays for the next. Any thread may request,
 * callbacks too; for ever. */
typedef struct runlog_stop runlog_stop;
RUNLOG_API runlog_stop* runlog_stop_create(void);
RUNLOG_API void runlog_stop_request(runlog_stop* stop);
RUNLOG_API void runlog_stop_release(runlog_stop* stop);

/* What one recover passes on to the next about the stores: connections, credentials, patience. For
 * one call at a time. */
typedef struct runlog_store_memory runlog_store_memory;
RUNLOG_API runlog_store_memory* runlog_store_memory_create(void);
RUNLOG_API void runlog_store_memory_release(runlog_store_memory* memory);

/* All may be NULL. The functions are called from the thread that recovers. */
typedef struct runlog_recover_hooks {
  size_t struct_bytes;
  void* context;
  void (*on_outcome)(void* context, const runlog_outcome* outcome); /* after each journal */
  void (*on_progress)(void* context, const runlog_progress* progress);
  void (*on_wait)(void* context, const char* message, size_t message_bytes); /* once per store */
  void (*on_unread)(void* context, const runlog_error* error);               /* a run directory */
  runlog_stop* stop;
  runlog_store_memory* memory;
} runlog_recover_hooks;

/* Packs and ships every journal under `root` whose writer is gone. Settings are the fields of
 * RecoverOptions. One bad journal never stops the others. Safe to repeat, to interrupt, and to run
 * several times at once. Blocks. `hooks` and `outcomes` may be NULL. Errors: `root` cannot be read.
 */
RUNLOG_API int runlog_journals_recover(const char* root, size_t root_bytes,
                                       const runlog_setting* settings, size_t settings_count,
                                       const runlog_recover_hooks* hooks,
                                       runlog_outcome_list** outcomes);
RUNLOG_API void runlog_outcome_list_release(runlog_outcome_list* outcomes);

typedef struct runlog_cleaned_file {
  runlog_text path;
  runlog_text why_kept; /* empty when it was, or in a dry run would have been, removed */
  uint64_t bytes;
  int32_t removed;
} runlog_cleaned_file;
typedef struct runlog_cleaned_list {
  const runlog_cleaned_file* const* items;
  size_t count;
} runlog_cleaned_list;

/* Removes local copies of shipped packs and blobs, each of which is first read back from the store
 * and compared. Settings: "store" (instead of the journals' own) and "dry_run". Blocks. */
RUNLOG_API int runlog_journals_clean(const char* root, size_t root_bytes,
                                     const runlog_setting* settings, size_t settings_count,
                                     runlog_cleaned_list** cleaned);
RUNLOG_API void runlog_cleaned_list_release(runlog_cleaned_list* cleaned);

#undef RUNLOG_CAST

#ifdef __cplusplus
}
#endif

#endif
