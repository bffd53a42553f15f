/* Promise: runlog.h is C99, and each of its calls does what it says. */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runlog/runlog.h"

#define ZT RUNLOG_ZERO_TERMINATED
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int checks = 0;

#define CHECK(condition)                                                             \
  do {                                                                               \
    ++checks;                                                                        \
    if (!(condition)) {                                                              \
      fprintf(stderr, "%s:%d: %s; last error: %s\n", __FILE__, __LINE__, #condition, \
              runlog_error_message());                                               \
      exit(1);                                                                       \
    }                                                                                \
  } while (0)

static char root[512];  /* of the runs, below TMPDIR */
static char store[512]; /* a directory */

static int is_text(runlog_text text, const char* wanted) {
  return text.bytes == strlen(wanted) && memcmp(text.data, wanted, text.bytes) == 0;
}

static int error_has(const char* part) {
  return strstr(runlog_error_message(), part) != NULL;
}

static void write_file(const char* path, const char* content) {
  FILE* const file = fopen(path, "w");
  CHECK(file != NULL);
  CHECK(fputs(content, file) >= 0);
  CHECK(fclose(file) == 0);
}

static runlog_run* start(const char* run_id) {
  const runlog_setting settings[] = {runlog_set("root", root), runlog_set("run_id", run_id),
                                     runlog_set("store", store), runlog_set("tag", "team=vision")};
  runlog_run* run = NULL;
  CHECK(runlog_run_start(settings, COUNT(settings), NULL, &run) == RUNLOG_OK);
  CHECK(run != NULL);
  return run;
}

/* ---- Errors and settings ---- */

static void names(void) {
  CHECK(strcmp(runlog_version(), "") != 0);
  CHECK(strcmp(runlog_code_name(RUNLOG_OK), "ok") == 0);
  CHECK(strcmp(runlog_code_name(RUNLOG_NO_SPACE), "no_space") == 0);
  CHECK(strcmp(runlog_code_name(RUNLOG_UNAVAILABLE), "unavailable") == 0);
  CHECK(strcmp(runlog_code_name(99), "unknown") == 0);
  CHECK(strcmp(runlog_code_name(-1), "unknown") == 0);
  CHECK(strcmp(runlog_kind_name(RUNLOG_KIND_TAG_REMOVED), "tag_removed") == 0);
  CHECK(strcmp(runlog_kind_name(256 + RUNLOG_KIND_METRIC), "unknown") == 0);
  CHECK(runlog_kind_from_name("spill", ZT) == RUNLOG_KIND_SPILL);
  CHECK(runlog_kind_from_name("spilled", 5) == RUNLOG_KIND_SPILL);
  CHECK(runlog_kind_from_name("nothing", ZT) == RUNLOG_KIND_UNKNOWN);
  CHECK(strcmp(runlog_journal_state_name(RUNLOG_JOURNAL_CRASHED), "crashed") == 0);
  CHECK(strcmp(runlog_verdict_name(RUNLOG_VERDICT_WAITING), "waiting") == 0);
}

static void errors(void) {
  CHECK(runlog_error_code() == RUNLOG_OK);
  CHECK(runlog_error_errno() == 0);
  CHECK(strcmp(runlog_error_message(), "") == 0);

  runlog_run* run = (runlog_run*)&run;
  const runlog_setting unknown[] = {runlog_set("rooot", root)};
  CHECK(runlog_run_start(unknown, 1, NULL, &run) == RUNLOG_INVALID_ARGUMENT);
  CHECK(run == NULL);
  CHECK(runlog_error_code() == RUNLOG_INVALID_ARGUMENT);
  CHECK(error_has("'rooot'") && error_has("root, project"));

  const runlog_setting bad[] = {runlog_set("root", root), runlog_set("sync_interval", "soon")};
  CHECK(runlog_run_start(bad, 2, NULL, &run) == RUNLOG_INVALID_ARGUMENT);
  CHECK(error_has("sync_interval='soon'") && error_has("250ms"));
  const runlog_setting range[] = {runlog_set("root", root), runlog_set("sync_interval", "1ms")};
  CHECK(runlog_run_start(range, 2, NULL, &run) == RUNLOG_INVALID_ARGUMENT);
  CHECK(error_has("10ms or more"));
  const runlog_setting pair[] = {runlog_set("tag", "no equals sign")};
  CHECK(runlog_run_start(pair, 1, NULL, &run) == RUNLOG_INVALID_ARGUMENT);
  CHECK(error_has("name=value"));
  CHECK(runlog_run_start(bad, 1, NULL, NULL) == RUNLOG_INVALID_ARGUMENT);
  const runlog_run_hooks without_size = {0, NULL, NULL};
  CHECK(runlog_run_start(bad, 1, &without_size, &run) == RUNLOG_INVALID_ARGUMENT);
  CHECK(error_has("struct_bytes"));

  runlog_reader* reader = NULL;
  CHECK(runlog_reader_open("/nowhere/at/all", ZT, NULL, 0, &reader) == RUNLOG_NOT_FOUND);
  CHECK(reader == NULL);
  CHECK(error_has("/nowhere/at/all"));
  /* A call that succeeds leaves it. */
  CHECK(runlog_kind_from_name("metric", ZT) == RUNLOG_KIND_METRIC);
  CHECK(runlog_error_code() == RUNLOG_NOT_FOUND);
}

static void* fail_often(void* argument) {
  const int number = *(const int*)argument;
  char name[32];
  snprintf(name, sizeof name, "unknown-%d", number);
  if (runlog_error_code() != RUNLOG_OK) return NULL;
  for (int i = 0; i < 200; ++i) {
    const runlog_setting settings[] = {runlog_set(name, "")};
    runlog_reader* reader = NULL;
    if (runlog_reader_open(root, ZT, settings, 1, &reader) != RUNLOG_INVALID_ARGUMENT) return NULL;
    if (!error_has(name)) return NULL;
  }
  return argument;
}

static void errors_of_threads(void) {
  pthread_t threads[16];
  int numbers[16];
  CHECK(runlog_reader_open(NULL, 0, NULL, 0, NULL) == RUNLOG_INVALID_ARGUMENT);
  char before[200];
  snprintf(before, sizeof before, "%s", runlog_error_message());
  for (int i = 0; i < 16; ++i) {
    numbers[i] = i + 10;
    CHECK(pthread_create(&threads[i], NULL, &fail_often, &numbers[i]) == 0);
  }
  for (int i = 0; i < 16; ++i) {
    void* result = NULL;
    CHECK(pthread_join(threads[i], &result) == 0);
    CHECK(result == &numbers[i]);
  }
  CHECK(strcmp(runlog_error_message(), before) == 0);
}

/* ---- NULL is an inert handle ---- */

static void inert(void) {
  char text[8] = "before";
  runlog_step step;
  const double numbers[] = {1, 2};
  const runlog_array array = {numbers, 2, RUNLOG_F64};
  const runlog_named_number row[] = {{{"a", 1}, {{0}, RUNLOG_INTEGER}}};
  const runlog_column column = {{"a", 1}, {numbers, 2, RUNLOG_F64}};
  runlog_stats stats;
  memset(&stats, 1, sizeof stats);
  runlog_run* run = NULL;

  CHECK(runlog_run_current() == NULL);
  CHECK(runlog_run_copy(NULL) == NULL);
  CHECK(runlog_run_child(NULL, "child", ZT, &run) == RUNLOG_FINISHED);
  CHECK(runlog_run_id(NULL, text, sizeof text) == 0 && text[0] == '\0');
  CHECK(runlog_run_session(NULL, text, sizeof text) == 0);
  CHECK(runlog_run_journal_path(NULL, NULL, 0) == 0);
  runlog_run_log(NULL, "a", ZT, runlog_real(1));
  runlog_run_log_step(NULL, "a", ZT, runlog_real(1), 1);
  runlog_run_log_when(NULL, "a", ZT, runlog_real(1), NULL);
  runlog_run_log_metrics(NULL, row, 1, NULL);
  CHECK(runlog_metric_create(NULL, "a", ZT) == NULL);
  runlog_metric_log(NULL, runlog_real(1));
  runlog_metric_log_step(NULL, runlog_real(1), 1);
  runlog_metric_release(NULL);
  runlog_run_log_metric_when(NULL, NULL, runlog_real(1), NULL);
  runlog_step_begin(&step, NULL, 3);
  runlog_step_log(&step, "a", ZT, runlog_real(1));
  runlog_step_log_metric(&step, NULL, runlog_real(1));
  CHECK(runlog_run_log_list(NULL, "a", ZT, &array, NULL) == RUNLOG_OK);
  CHECK(runlog_run_log_row(NULL, "a", ZT, row, 1, NULL) == RUNLOG_OK);
  CHECK(runlog_run_log_table(NULL, "a", ZT, &column, 1, NULL) == RUNLOG_OK);
  CHECK(runlog_run_log_histogram(NULL, "a", ZT, &array, &array, NULL) == RUNLOG_OK);
  runlog_run_log_json(NULL, "a", ZT, "{}", ZT, NULL);
  runlog_run_log_text(NULL, RUNLOG_LEVEL_INFO, "a", ZT, NULL);
  CHECK(runlog_run_log_image(NULL, "a", ZT, "x", 1, NULL) == RUNLOG_FINISHED);
  CHECK(runlog_run_log_image_file(NULL, "a", ZT, root, ZT, NULL) == RUNLOG_FINISHED);
  CHECK(runlog_run_upload_file(NULL, "a", ZT, root, ZT, NULL) == RUNLOG_FINISHED);
  CHECK(runlog_run_upload_folder(NULL, "a", ZT, root, ZT, NULL, 0) == RUNLOG_FINISHED);
  runlog_run_param_number(NULL, "a", ZT, runlog_real(1));
  runlog_run_param_unsigned(NULL, "a", ZT, 1);
  runlog_run_param_text(NULL, "a", ZT, "b", ZT);
  runlog_run_tag(NULL, "a", ZT, "b", ZT);
  runlog_run_remove_tag(NULL, "a", ZT);
  CHECK(runlog_run_property(NULL, "a", ZT, "b", ZT) == 0);
  runlog_run_rewind(NULL, 1);
  runlog_run_flush(NULL);
  CHECK(runlog_run_wait_until(NULL, RUNLOG_COMMITTED, 0) == RUNLOG_WAIT_FAILED);
  CHECK(runlog_run_status(NULL) == RUNLOG_CANCELLED);
  CHECK(runlog_run_stop_requested(NULL) == 0);
  runlog_run_stats(NULL, &stats, sizeof stats);
  CHECK(stats.records == 0 && stats.reports_unwritten == 0);
  CHECK(runlog_run_last_error(NULL, text, sizeof text) == 0);
  runlog_run_complete(NULL);
  runlog_run_fail(NULL, "a", ZT, "b", ZT);
  runlog_run_cancel(NULL);
  runlog_points_list* points = NULL;
  CHECK(runlog_run_read_metrics(NULL, NULL, 0, &points) == RUNLOG_FINISHED);
  runlog_text_list* files = NULL;
  CHECK(runlog_run_read_file_names(NULL, &files) == RUNLOG_FINISHED);
  runlog_run_release(NULL);

  const runlog_record* record = NULL;
  CHECK(runlog_reader_next(NULL, &record) == -RUNLOG_FINISHED);
  CHECK(runlog_reader_next_metrics(NULL, NULL, 9) == -RUNLOG_FINISHED);
  CHECK(runlog_reader_series_count(NULL) == 0 && runlog_reader_series(NULL, 0) == NULL);
  CHECK(runlog_reader_journals_count(NULL) == 0 && runlog_reader_journal(NULL, 0) == NULL);
  CHECK(runlog_reader_damage_count(NULL) == 0 && runlog_reader_damage(NULL, 0) == NULL);
  CHECK(runlog_reader_failures_count(NULL) == 0 && runlog_reader_failure(NULL, 0) == NULL);
  CHECK(runlog_record_json(NULL, text, sizeof text) == 0);
  CHECK(runlog_follower_poll(NULL, NULL, NULL) == -RUNLOG_FINISHED);
  runlog_reader_release(NULL);
  runlog_follower_release(NULL);
  runlog_points_list_release(NULL);
  runlog_text_list_release(NULL);
  runlog_journal_list_release(NULL);
  runlog_summary_list_release(NULL);
  runlog_salvage_report_release(NULL);
  runlog_outcome_list_release(NULL);
  runlog_cleaned_list_release(NULL);
  runlog_stop_request(NULL);
  runlog_stop_release(NULL);
  runlog_store_memory_release(NULL);
}

/* ---- A run that logs one of each ---- */

static void log_metrics(runlog_run* run) {
  const runlog_when timed = {RUNLOG_WHEN_TIME, 0, INT64_C(1700000000000000000)};
  const runlog_when both = {RUNLOG_WHEN_STEP | RUNLOG_WHEN_TIME, 8, INT64_C(1700000000000000001)};
  const runlog_when step = runlog_at_step(7);
  runlog_run_log(run, "plain", ZT, runlog_integer(-3));
  runlog_run_log_step(run, "stepped", 4, runlog_real(0.5), 1); /* "step" */
  runlog_run_log_when(run, "when", ZT, runlog_unsigned(UINT64_MAX), &step);
  runlog_run_log_when(run, "when", ZT, runlog_real(NAN), &timed);
  runlog_run_log_when(run, "when", ZT, runlog_unsigned(9), &both);
  runlog_run_log_when(run, "when", ZT, runlog_real(1), NULL);

  runlog_named_number row[40];
  char row_names[40][8];
  for (int i = 0; i < 40; ++i) {
    snprintf(row_names[i], sizeof row_names[i], "row%02d", i);
    row[i].name = runlog_text_of(row_names[i]);
    row[i].value = runlog_integer(i);
  }
  runlog_run_log_metrics(run, row, 40, &step);
  runlog_run_log_metrics(run, row, 2, &step);
  runlog_run_log_metrics(run, row, 40, &both);
  runlog_run_log_metrics(run, row, 2, NULL);

  runlog_metric* const metric = runlog_metric_create(run, "metric", ZT);
  CHECK(metric != NULL);
  runlog_metric_log(metric, runlog_real(1.5));
  for (int i = 0; i < 1000; ++i) runlog_metric_log_step(metric, runlog_real(i), i);
  runlog_run_log_metric_when(run, metric, runlog_real(2), &both);
  runlog_run_log_metric_when(run, metric, runlog_real(2), &timed);
  runlog_run_log_metric_when(run, metric, runlog_real(2), &step);
  runlog_run_log_metric_when(run, metric, runlog_real(2), NULL);
  runlog_step now;
  runlog_step_begin(&now, run, 77);
  runlog_step_log(&now, "of step", ZT, runlog_integer(1));
  runlog_step_log_metric(&now, metric, runlog_integer(2));
  runlog_metric_release(metric);
}

static void log_lists(runlog_run* run) {
  static const double f64[] = {0.1, -1};
  static const float f32[] = {0.5f, 2};
  static const int64_t i64[] = {INT64_MIN, 1};
  static const int32_t i32[] = {INT32_MIN, 1};
  static const int16_t i16[] = {INT16_MIN, 1};
  static const int8_t i8[] = {INT8_MIN, 1};
  static const uint64_t u64[] = {INT64_MAX, 1};
  static const uint32_t u32[] = {UINT32_MAX, 1};
  static const uint16_t u16[] = {UINT16_MAX, 1};
  static const uint8_t u8[] = {UINT8_MAX, 1};
  static const uint8_t boolean[] = {0, 1};
  const runlog_number numbers[] = {runlog_integer(1), runlog_real(2.5)};
  const runlog_array arrays[] = {
      {f64, 2, RUNLOG_F64}, {f32, 2, RUNLOG_F32},      {i64, 2, RUNLOG_I64},
      {i32, 2, RUNLOG_I32}, {i16, 2, RUNLOG_I16},      {i8, 2, RUNLOG_I8},
      {u64, 2, RUNLOG_U64}, {u32, 2, RUNLOG_U32},      {u16, 2, RUNLOG_U16},
      {u8, 2, RUNLOG_U8},   {boolean, 2, RUNLOG_BOOL}, {numbers, 2, RUNLOG_NUMBER}};
  const runlog_when step = runlog_at_step(5);
  for (size_t i = 0; i < COUNT(arrays); ++i) {
    CHECK(runlog_run_log_list(run, "list", ZT, &arrays[i], i == 0 ? &step : NULL) == RUNLOG_OK);
  }
  const runlog_array unknown = {f64, 2, 0};
  CHECK(runlog_run_log_list(run, "list", ZT, &unknown, NULL) == RUNLOG_INVALID_ARGUMENT);
  CHECK(error_has("runlog_element"));
  const runlog_array empty = {NULL, 1, RUNLOG_F64};
  CHECK(runlog_run_log_list(run, "list", ZT, &empty, NULL) == RUNLOG_INVALID_ARGUMENT);
  CHECK(runlog_run_log_list(run, "list", ZT, NULL, NULL) == RUNLOG_INVALID_ARGUMENT);

  const runlog_named_number row[] = {{{"a", 1}, numbers[0]}, {{"b", 1}, numbers[1]}};
  CHECK(runlog_run_log_row(run, "row", ZT, row, 2, &step) == RUNLOG_OK);
  CHECK(runlog_run_log_row(run, "row", ZT, NULL, 2, NULL) == RUNLOG_INVALID_ARGUMENT);
  const runlog_column table[] = {{{"x", 1}, arrays[1]}, {{"y", 1}, arrays[11]}};
  CHECK(runlog_run_log_table(run, "table", ZT, table, 2, NULL) == RUNLOG_OK);
  const runlog_array edges = {f64 + 1, 1, RUNLOG_F64};
  const runlog_array counts = {NULL, 0, RUNLOG_I64};
  CHECK(runlog_run_log_histogram(run, "histogram", ZT, &edges, &counts, NULL) == RUNLOG_OK);
  CHECK(runlog_run_log_histogram(run, "histogram", ZT, &edges, NULL, NULL) ==
        RUNLOG_INVALID_ARGUMENT);
  runlog_run_log_json(run, "schema", ZT, "{\"k\":1}", ZT, NULL);
  runlog_run_log_text(run, RUNLOG_LEVEL_WARNING, "bad \xff byte", ZT, NULL);
  runlog_run_log_text(run, 9, "of no level", ZT, &step);
}

static void log_files(runlog_run* run) {
  char folder[600], path[700];
  snprintf(folder, sizeof folder, "%s/../folder", root);
  snprintf(path, sizeof path, "%s/a.txt", folder);
  CHECK(mkdir(folder, 0700) == 0);
  write_file(path, "content");
  const runlog_when step = runlog_at_step(6);
  const runlog_when timed = {RUNLOG_WHEN_TIME, 0, 1};
  CHECK(runlog_run_log_image(run, "image", ZT, "png", 3, &step) == RUNLOG_OK);
  CHECK(runlog_run_log_image_file(run, "image", ZT, path, ZT, NULL) == RUNLOG_OK);
  CHECK(runlog_run_upload_file(run, "file", ZT, path, ZT, &step) == RUNLOG_OK);
  CHECK(runlog_run_upload_file(run, "file", ZT, path, ZT, &timed) == RUNLOG_INVALID_ARGUMENT);
  CHECK(runlog_run_upload_file(run, "file", ZT, "/nowhere/a", ZT, NULL) == RUNLOG_NOT_FOUND);
  CHECK(runlog_error_errno() != 0 && error_has("/nowhere/a"));
  runlog_folder_report report;
  CHECK(runlog_run_upload_folder(run, "folder", ZT, folder, ZT, &report, sizeof report) ==
        RUNLOG_OK);
  CHECK(report.staged == 1 && report.bytes == 7);
  runlog_text_list* files = NULL;
  CHECK(runlog_run_read_file_names(run, &files) == RUNLOG_OK);
  CHECK(files->count == 3);
  CHECK(is_text(files->items[1], "folder/a.txt"));
  runlog_text_list_release(files);
}

static void log_facts(runlog_run* run) {
  runlog_run_param_number(run, "rate", ZT, runlog_real(0.25));
  runlog_run_param_number(run, "layers", ZT, runlog_integer(24));
  runlog_run_param_unsigned(run, "seed", ZT, UINT64_MAX);
  runlog_run_param_text(run, "optimizer", ZT, "adamw, perhaps", 5);
  runlog_run_tag(run, "old", ZT, "x", ZT);
  runlog_run_remove_tag(run, "old", ZT);
  CHECK(runlog_run_property(run, "dataset", ZT, "a", ZT) == 1);
  CHECK(runlog_run_property(run, "dataset", ZT, "b", ZT) == 0);
}

static void check_state(runlog_run* run) {
  char text[700];
  CHECK(runlog_run_id(run, text, sizeof text) == 5 && strcmp(text, "every") == 0);
  CHECK(runlog_run_id(run, text, 3) == 5 && strcmp(text, "ev") == 0);
  CHECK(runlog_run_id(run, NULL, 0) == 5);
  CHECK(runlog_run_session(run, text, sizeof text) == 32);
  CHECK(runlog_run_journal_path(run, text, sizeof text) < sizeof text);
  CHECK(strncmp(text, root, strlen(root)) == 0);
  CHECK(runlog_run_status(run) == RUNLOG_RUNNING);
  CHECK(runlog_run_stop_requested(run) == 0);
  CHECK(runlog_run_last_error(run, text, sizeof text) == 0);
  runlog_stats stats;
  runlog_run_stats(run, &stats, sizeof stats);
  CHECK(stats.records > 1000 && stats.dropped == 0 && stats.property_conflicts == 1);
  struct {
    uint64_t records, dropped, canary;
  } older = {1, 1, 42};
  runlog_run_stats(run, (runlog_stats*)&older, offsetof(runlog_stats, dropped_series));
  CHECK(older.records == stats.records && older.canary == 42);

  runlog_points_list* points = NULL;
  CHECK(runlog_run_read_metrics(run, "m*c", ZT, &points) == RUNLOG_OK);
  CHECK(points->count == 1);
  CHECK(is_text(points->items[0]->name, "metric"));
  CHECK(points->items[0]->count == 1006);
  runlog_points_list_release(points);
  CHECK(runlog_run_read_metrics(run, NULL, 0, &points) == RUNLOG_OK);
  CHECK(points->count == 45);
  const runlog_points* const plain = points->items[2];
  CHECK(is_text(plain->name, "plain") && plain->count == 1);
  CHECK(plain->value[0] == -3 && !plain->has_step[0] && plain->time_ns[0] > 0);
  runlog_points_list_release(points);

  runlog_run* const current = runlog_run_current();
  runlog_run* const copy = runlog_run_copy(run);
  CHECK(current != NULL && copy != NULL);
  CHECK(runlog_run_id(current, text, sizeof text) == 5);
  runlog_run_release(current);
  runlog_run_release(copy);
  CHECK(runlog_run_status(run) == RUNLOG_RUNNING);
}

static void on_error(void* context, const runlog_error* error) {
  CHECK(error->code != RUNLOG_OK && error->message.bytes > 0);
  ++*(int*)context;
}

static void one_of_each(void) {
  runlog_run* const run = start("every");
  log_metrics(run);
  log_lists(run);
  log_files(run);
  log_facts(run);
  check_state(run);
  runlog_run_rewind(run, 1000);
  runlog_run_flush(run);
  CHECK(runlog_run_wait_until(run, RUNLOG_COMMITTED, 0) == RUNLOG_WAIT_DONE);
  CHECK(runlog_run_wait_until(run, RUNLOG_DURABLE, 60000) == RUNLOG_WAIT_DONE);
  CHECK(runlog_run_wait_until(run, RUNLOG_SHIPPED, 60000) == RUNLOG_WAIT_DONE);
  CHECK(runlog_run_wait_until(run, 3, 0) == RUNLOG_WAIT_FAILED);

  runlog_run* child = NULL;
  CHECK(runlog_run_child(run, "child", ZT, &child) == RUNLOG_OK);
  runlog_run_fail(child, "reason", ZT, "it had to", ZT);
  CHECK(runlog_run_status(child) == RUNLOG_FAILED);
  runlog_run_release(child);
  runlog_run_complete(run);
  CHECK(runlog_run_status(run) == RUNLOG_COMPLETE);
  CHECK(runlog_run_upload_file(run, "late", ZT, root, ZT, NULL) == RUNLOG_FINISHED);
  runlog_run_release(run);
}

/* Its store cannot be made, because there is a file. */
static void failing_store(void) {
  char bad_store[600], text[600];
  snprintf(bad_store, sizeof bad_store, "%s/../folder/a.txt/store", root);
  const runlog_setting settings[] = {runlog_set("root", root), runlog_set("run_id", "cancelled"),
                                     runlog_set("store", bad_store),
                                     runlog_set("finish_deadline", "100ms")};
  int errors_seen = 0;
  const runlog_run_hooks hooks = {sizeof hooks, &errors_seen, &on_error};
  runlog_run* run = NULL;
  CHECK(runlog_run_start(settings, COUNT(settings), &hooks, &run) == RUNLOG_OK);
  CHECK(runlog_run_wait_until(run, RUNLOG_SHIPPED, 1000) != RUNLOG_WAIT_DONE);
  runlog_run_cancel(run);
  CHECK(runlog_run_status(run) == RUNLOG_CANCELLED);
  CHECK(runlog_run_last_error(run, text, sizeof text) > 0);
  CHECK(strstr(text, "a.txt") != NULL);
  runlog_run_release(run);
  CHECK(errors_seen > 0);
}

/* ---- Reading ---- */

static int kinds_seen[RUNLOG_KIND_SPILL + 1];

static void check_record(const runlog_record* record) {
  char line[4096];
  CHECK(is_text(record->journal->run_id, "every"));
  CHECK(runlog_record_json(record, line, sizeof line) > 0);
  if (record->kind == RUNLOG_KIND_METRIC && is_text(record->name, "step")) {
    CHECK(record->has == (RUNLOG_HAS_STEP | RUNLOG_HAS_VALUE));
    CHECK(record->step == 1 && record->value == 0.5);
    CHECK(strstr(line, "\"name\":\"step\",\"step\":1,\"value\":0.5}") != NULL);
  } else if (record->kind == RUNLOG_KIND_TEXT && is_text(record->name, "warning")) {
    CHECK(is_text(record->text, "bad \xef\xbf\xbd byte"));
    CHECK(is_text(record->payload, "bad \xff byte"));
  } else if (record->kind == RUNLOG_KIND_PARAM && is_text(record->name, "seed")) {
    CHECK(is_text(record->text, "18446744073709551615"));
  } else if (record->kind == RUNLOG_KIND_PARAM && is_text(record->name, "optimizer")) {
    CHECK(is_text(record->text, "adamw"));
  } else if (record->kind == RUNLOG_KIND_TABLE) {
    CHECK(is_text(record->text, "{\"x\":[0.5,2],\"y\":[1,2.5]}"));
  } else if (record->kind == RUNLOG_KIND_ROW) {
    CHECK(is_text(record->text, "{\"a\":1,\"b\":2.5}") && record->step == 5);
  } else if (record->kind == RUNLOG_KIND_LIST && (record->has & RUNLOG_HAS_STEP)) {
    CHECK(is_text(record->text, "[0.1,-1]"));
  }
  ++kinds_seen[record->kind];
}

static void read_records(void) {
  const runlog_setting settings[] = {runlog_set("run", "eve*"), runlog_set("rank", "0"),
                                     runlog_set("check_digests", "1")};
  runlog_reader* reader = NULL;
  CHECK(runlog_reader_open(root, ZT, settings, COUNT(settings), &reader) == RUNLOG_OK);
  const runlog_record* record = NULL;
  int result;
  while ((result = runlog_reader_next(reader, &record)) == 1) {
    if (is_text(record->journal->run_id, "every.child")) continue;
    check_record(record);
  }
  CHECK(result == 0);
  CHECK(kinds_seen[RUNLOG_KIND_METRIC] == 1006 + 6 + 84 + 1);
  CHECK(kinds_seen[RUNLOG_KIND_LIST] == 12 && kinds_seen[RUNLOG_KIND_TABLE] == 1);
  CHECK(kinds_seen[RUNLOG_KIND_HISTOGRAM] == 1 && kinds_seen[RUNLOG_KIND_JSON] == 1);
  CHECK(kinds_seen[RUNLOG_KIND_TEXT] == 2 && kinds_seen[RUNLOG_KIND_IMAGE] == 2);
  CHECK(kinds_seen[RUNLOG_KIND_FILE] == 2 && kinds_seen[RUNLOG_KIND_PARAM] == 4);
  CHECK(kinds_seen[RUNLOG_KIND_TAG] == 2 && kinds_seen[RUNLOG_KIND_TAG_REMOVED] == 1);
  CHECK(kinds_seen[RUNLOG_KIND_PROPERTY] == 2 && kinds_seen[RUNLOG_KIND_REWIND] == 1);
  CHECK(kinds_seen[RUNLOG_KIND_CHILD] == 1 && kinds_seen[RUNLOG_KIND_STATUS] == 2);
  CHECK(runlog_reader_journals_count(reader) == 2);
  CHECK(runlog_reader_journal(reader, 0)->records > 1000);
  CHECK(runlog_reader_journal(reader, 2) == NULL);
  CHECK(runlog_reader_damage_count(reader) == 0 && runlog_reader_damage(reader, 0) == NULL);
  CHECK(runlog_reader_failures_count(reader) == 0 && runlog_reader_failure(reader, 0) == NULL);
  runlog_reader_release(reader);
}

static void read_columns(void) {
  enum { kRows = 100 };
  int64_t time_ns[kRows], step[kRows], int_value[kRows];
  uint32_t series[kRows];
  uint8_t has[kRows];
  double value[kRows];
  const runlog_metric_columns columns = {sizeof columns, time_ns, series,   has,
                                         step,           value,   int_value};
  const runlog_setting settings[] = {runlog_set("run", "every")};
  runlog_reader* reader = NULL;
  CHECK(runlog_reader_open(root, ZT, settings, 1, &reader) == RUNLOG_OK);
  int64_t rows, total = 0, steps = 0;
  do {
    rows = runlog_reader_next_metrics(reader, &columns, kRows);
    CHECK(rows >= 0 && rows <= kRows);
    for (int64_t i = 0; i < rows; ++i) {
      const runlog_series* const one = runlog_reader_series(reader, series[i]);
      CHECK(one != NULL && is_text(one->journal->run_id, "every"));
      if (!is_text(one->name, "metric") || !(has[i] & RUNLOG_HAS_STEP)) continue;
      if (value[i] == (double)step[i] && (has[i] & RUNLOG_HAS_VALUE)) ++steps;
      CHECK(time_ns[i] > 0);
    }
    total += rows;
  } while (rows == kRows);
  CHECK(total == 1006 + 6 + 84 + 1);
  CHECK(steps == 1000);
  CHECK(runlog_reader_series_count(reader) == 45);
  CHECK(runlog_reader_series(reader, 45) == NULL);
  CHECK(runlog_reader_next_metrics(reader, NULL, kRows) == 0);
  runlog_reader_release(reader);
}

static void list_and_summarize(void) {
  runlog_journal_list* journals = NULL;
  CHECK(runlog_journals_list(root, ZT, &journals) == RUNLOG_OK);
  CHECK(journals->count == 4 && journals->failures_count == 0 && journals->damage_count == 0);
  CHECK(is_text(journals->items[0]->run_id, "cancelled"));
  CHECK(journals->items[0]->state == RUNLOG_JOURNAL_CANCELLED);
  CHECK(journals->items[1]->state == RUNLOG_JOURNAL_COMPLETE);
  CHECK(is_text(journals->items[2]->run_id, "every.child"));
  CHECK(is_text(journals->items[2]->parent_run, "every"));
  CHECK(strstr(journals->items[2]->end_reason.data, "it had to") != NULL);
  runlog_journal_list_release(journals);

  CHECK(runlog_journals_summarize(root, strlen(root), &journals) == RUNLOG_OK);
  CHECK(journals->items[1]->records > 1000 && journals->items[1]->records_lost == 0);
  CHECK(journals->items[1]->has_last_step);
  runlog_journal_list_release(journals);
  CHECK(runlog_journals_list("/nowhere", ZT, &journals) == RUNLOG_NOT_FOUND);
  CHECK(journals == NULL);
  CHECK(runlog_journals_summarize("/nowhere", ZT, &journals) == RUNLOG_NOT_FOUND);

  runlog_summary_list* summaries = NULL;
  CHECK(runlog_journals_summarize_series("/nowhere", ZT, &summaries) == RUNLOG_NOT_FOUND);
  CHECK(runlog_journals_summarize_series(root, ZT, &summaries) == RUNLOG_OK);
  CHECK(summaries->count == 4 && summaries->failures_count == 0 && summaries->damage_count == 0);
  const runlog_summary* const every = summaries->items[1];
  CHECK(is_text(every->journal->run_id, "every"));
  int found = 0;
  for (size_t i = 0; i < every->series_count; ++i) {
    const runlog_series_summary* const one = every->series[i];
    if (one->kind != RUNLOG_KIND_METRIC || !is_text(one->name, "metric")) continue;
    CHECK(one->has_numbers && one->records == 1006 && one->min == 0 && one->max == 999);
    ++found;
  }
  for (size_t i = 0; i < every->facts_count; ++i) {
    const runlog_fact* const fact = every->facts[i];
    if (fact->kind != RUNLOG_KIND_PARAM || !is_text(fact->name, "rate")) continue;
    CHECK(fact->has == RUNLOG_HAS_VALUE && fact->value == 0.25 && fact->text.bytes == 0);
    ++found;
  }
  CHECK(found == 2);
  runlog_summary_list_release(summaries);
}

/* ---- A run that is killed: followed, salvaged, recovered, cleaned ---- */

static void kill_a_run(void) {
  int ready[2];
  CHECK(pipe(ready) == 0);
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    runlog_run* const run = start("killed");
    for (int i = 0; i < 500; ++i) runlog_run_log_step(run, "loss", ZT, runlog_real(i), i);
    if (write(ready[1], "r", 1) != 1) _exit(1);
    for (;;) pause();
  }
  close(ready[1]);
  char byte;
  CHECK(read(ready[0], &byte, 1) == 1);
  close(ready[0]);
  CHECK(kill(child, SIGKILL) == 0);
  int status;
  CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
}

static void count_record(void* context, const runlog_record* record) {
  if (record->kind == RUNLOG_KIND_METRIC) {
    CHECK(is_text(record->name, "loss") && record->journal->session.bytes == 32);
    ++*(int*)context;
  }
}

static void follow_and_salvage(void) {
  char killed[600];
  snprintf(killed, sizeof killed, "%s/killed", root);
  runlog_follower* follower = NULL;
  CHECK(runlog_follower_open("/nowhere", ZT, NULL, 0, &follower) == RUNLOG_NOT_FOUND);
  CHECK(runlog_follower_open(killed, ZT, NULL, 0, &follower) == RUNLOG_OK);
  int metrics = 0;
  CHECK(runlog_follower_poll(follower, NULL, NULL) == -RUNLOG_INVALID_ARGUMENT);
  CHECK(runlog_follower_poll(follower, &count_record, &metrics) == 0);
  CHECK(metrics == 500);
  CHECK(runlog_follower_poll(follower, &count_record, &metrics) == 0);
  CHECK(metrics == 500);
  runlog_follower_release(follower);

  /* The image: its first segment. */
  runlog_reader* reader = NULL;
  CHECK(runlog_reader_open(killed, ZT, NULL, 0, &reader) == RUNLOG_OK);
  char command[2000];
  snprintf(command, sizeof command, "cat %.*s/lanes/*.seg > %s/image",
           (int)runlog_reader_journal(reader, 0)->path.bytes,
           runlog_reader_journal(reader, 0)->path.data, root);
  runlog_reader_release(reader);
  CHECK(system(command) == 0);
  char image[600];
  snprintf(image, sizeof image, "%s/image", root);
  runlog_salvage_report* report = NULL;
  metrics = 0;
  CHECK(runlog_image_salvage(image, ZT, &count_record, &metrics, &report) == RUNLOG_OK);
  CHECK(metrics == 500 && report->records >= 500 && report->segments >= 1);
  CHECK(report->damage_count == 0);
  runlog_salvage_report_release(report);
  CHECK(runlog_image_salvage(image, ZT, &count_record, &metrics, NULL) == RUNLOG_OK);
  CHECK(runlog_image_salvage(image, ZT, NULL, NULL, &report) == RUNLOG_INVALID_ARGUMENT);
  CHECK(runlog_image_salvage("/nowhere", ZT, &count_record, &metrics, &report) == RUNLOG_NOT_FOUND);
  CHECK(remove(image) == 0);
}

struct seen {
  int outcomes, progresses, waits, unread;
};
static void on_outcome(void* context, const runlog_outcome* outcome) {
  ++((struct seen*)context)->outcomes;
  CHECK(outcome->journal->run_id.bytes > 0);
}
static void on_progress(void* context, const runlog_progress* progress) {
  ++((struct seen*)context)->progresses;
  CHECK(progress->journals_done <= progress->journals);
}
static void on_wait(void* context, const char* message, size_t message_bytes) {
  ++((struct seen*)context)->waits;
  CHECK(strlen(message) == message_bytes);
}
static void on_unread(void* context, const runlog_error* error) {
  ++((struct seen*)context)->unread;
  CHECK(error->code != RUNLOG_OK);
}

static void recover_all(void) {
  struct seen seen = {0, 0, 0, 0};
  runlog_store_memory* const memory = runlog_store_memory_create();
  runlog_stop* const stop = runlog_stop_create();
  CHECK(memory != NULL && stop != NULL);
  runlog_recover_hooks hooks = {sizeof hooks, &seen,      &on_outcome, &on_progress,
                                &on_wait,     &on_unread, stop,        memory};
  runlog_outcome_list* outcomes = NULL;

  /* One that has been asked to stop does nothing. */
  runlog_stop_request(stop);
  CHECK(runlog_journals_recover(root, ZT, NULL, 0, &hooks, &outcomes) == RUNLOG_OK);
  CHECK(seen.outcomes == 0 && outcomes->count == 0);
  runlog_outcome_list_release(outcomes);

  const runlog_setting settings[] = {runlog_set("run", "kill*"), runlog_set("timeout", "1m")};
  hooks.stop = NULL;
  CHECK(runlog_journals_recover(root, ZT, settings, 2, &hooks, &outcomes) == RUNLOG_OK);
  CHECK(seen.outcomes == 1 && seen.progresses > 0 && seen.waits == 0 && seen.unread == 0);
  CHECK(outcomes->count == 1);
  const runlog_outcome* const killed = outcomes->items[0];
  CHECK(is_text(killed->journal->run_id, "killed"));
  CHECK(killed->verdict == RUNLOG_VERDICT_SHIPPED && killed->records_damaged == 0);
  CHECK(killed->records_kept >= 500 && killed->packs_shipped >= 1 && killed->damage_count == 0);
  runlog_outcome_list_release(outcomes);

  CHECK(runlog_journals_recover("/nowhere", ZT, NULL, 0, NULL, NULL) == RUNLOG_NOT_FOUND);
  CHECK(runlog_journals_recover(root, ZT, NULL, 0, NULL, NULL) == RUNLOG_OK);
  const runlog_setting bad[] = {runlog_set("timeout", "never")};
  CHECK(runlog_journals_recover(root, ZT, bad, 1, NULL, &outcomes) == RUNLOG_INVALID_ARGUMENT);
  CHECK(outcomes == NULL);
  runlog_stop_release(stop);
  runlog_store_memory_release(memory);
}

static void clean_all(void) {
  const runlog_setting dry[] = {runlog_set("dry_run", "1")};
  const runlog_setting other[] = {runlog_set("store", store)};
  runlog_cleaned_list* cleaned = NULL;
  CHECK(runlog_journals_clean(root, ZT, dry, 1, &cleaned) == RUNLOG_OK);
  const size_t count = cleaned->count;
  CHECK(count >= 3 && !cleaned->items[0]->removed);
  runlog_cleaned_list_release(cleaned);
  CHECK(runlog_journals_clean(root, ZT, other, 1, &cleaned) == RUNLOG_OK);
  CHECK(cleaned->count == count);
  CHECK(cleaned->items[0]->removed || cleaned->items[0]->why_kept.bytes > 0);
  runlog_cleaned_list_release(cleaned);
  CHECK(runlog_journals_clean("/nowhere", ZT, NULL, 0, &cleaned) == RUNLOG_NOT_FOUND);

  /* The store has all of it. */
  runlog_reader* reader = NULL;
  CHECK(runlog_reader_open(store, ZT, NULL, 0, &reader) == RUNLOG_OK);
  int64_t metrics = 0, rows;
  while ((rows = runlog_reader_next_metrics(reader, NULL, 1000)) > 0) metrics += rows;
  CHECK(metrics == 500 + 1006 + 6 + 84 + 1);
  runlog_reader_release(reader);
}

int main(void) {
  const char* const scratch = getenv("TMPDIR");
  char directory[256], command[300];
  snprintf(directory, sizeof directory, "%s/runlog-c-XXXXXX", scratch != NULL ? scratch : "/tmp");
  CHECK(mkdtemp(directory) != NULL);
  snprintf(root, sizeof root, "%s/runs", directory);
  snprintf(store, sizeof store, "%s/store", directory);
  names();
  errors();
  errors_of_threads();
  inert();
  kill_a_run(); /* first, because it forks */
  follow_and_salvage();
  recover_all();
  one_of_each();
  failing_store();
  read_records();
  read_columns();
  list_and_summarize();
  clean_all();
  snprintf(command, sizeof command, "rm -rf '%s'", directory);
  CHECK(system(command) == 0);
  printf("%d checks\n", checks);
  return 0;
}
