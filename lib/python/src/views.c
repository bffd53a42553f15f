/* Structs of runlog.h as dicts of Python, by tables of their fields. */
#include <string.h>

#include "native.h"

typedef enum FieldType { kText, kPath, kInt32, kInt64, kUint64 } FieldType;
typedef struct Field {
  const char* name;
  size_t offset;
  FieldType type;
} Field;

static PyObject* value_at(const char* at, FieldType type) {
  runlog_text text;
  int32_t small;
  int64_t number;
  switch (type) {
    case kText:
      memcpy(&text, at, sizeof text);
      return unicode_from(text);
    case kPath:
      memcpy(&text, at, sizeof text);
      return PyUnicode_DecodeFSDefaultAndSize(text.data, (Py_ssize_t)text.bytes);
    case kInt32:
      memcpy(&small, at, sizeof small);
      return PyLong_FromLong(small);
    case kInt64:
      memcpy(&number, at, sizeof number);
      return PyLong_FromLongLong(number);
    case kUint64:
      memcpy(&number, at, sizeof number);
      return PyLong_FromUnsignedLongLong((unsigned long long)number);
  }
  return NULL;
}

/* Takes `value`. Clears the dict on failure. */
static PyObject* with_item(PyObject* dict, const char* name, PyObject* value) {
  if (dict != NULL && (value == NULL || PyDict_SetItemString(dict, name, value) != 0)) {
    Py_CLEAR(dict);
  }
  Py_XDECREF(value);
  return dict;
}

static PyObject* dict_by(const Field* fields, const void* object) {
  PyObject* dict = PyDict_New();
  for (const Field* field = fields; dict != NULL && field->name != NULL; ++field) {
    dict = with_item(dict, field->name, value_at((const char*)object + field->offset, field->type));
  }
  return dict;
}

#define FIELD(owner, name, type) \
  { #name, offsetof(owner, name), type }

PyObject* dict_of_journal(const runlog_journal* journal) {
  static const Field kFields[] = {FIELD(runlog_journal, path, kPath),
                                  FIELD(runlog_journal, run_id, kText),
                                  FIELD(runlog_journal, project, kText),
                                  FIELD(runlog_journal, experiment, kText),
                                  FIELD(runlog_journal, name, kText),
                                  FIELD(runlog_journal, group, kText),
                                  FIELD(runlog_journal, parent_run, kText),
                                  FIELD(runlog_journal, parent_session, kText),
                                  FIELD(runlog_journal, session, kText),
                                  FIELD(runlog_journal, follows, kText),
                                  FIELD(runlog_journal, host, kText),
                                  FIELD(runlog_journal, command_line, kText),
                                  FIELD(runlog_journal, store_url, kText),
                                  FIELD(runlog_journal, end_reason, kText),
                                  FIELD(runlog_journal, refused, kText),
                                  FIELD(runlog_journal, rank, kInt64),
                                  FIELD(runlog_journal, world, kInt64),
                                  FIELD(runlog_journal, pid, kInt64),
                                  FIELD(runlog_journal, created_unix_ns, kInt64),
                                  FIELD(runlog_journal, attempt, kInt32),
                                  FIELD(runlog_journal, end_signal, kInt32),
                                  FIELD(runlog_journal, last_time_ns, kInt64),
                                  FIELD(runlog_journal, records, kUint64),
                                  FIELD(runlog_journal, records_lost, kUint64),
                                  FIELD(runlog_journal, records_dropped, kUint64),
                                  FIELD(runlog_journal, segments_waiting, kUint64),
                                  FIELD(runlog_journal, packs_waiting, kUint64),
                                  FIELD(runlog_journal, blobs_waiting, kUint64),
                                  FIELD(runlog_journal, packs_shipped, kUint64),
                                  FIELD(runlog_journal, bytes_waiting, kUint64),
                                  {NULL, 0, kText}};
  PyObject* dict = dict_by(kFields, journal);
  dict = with_item(dict, "state", PyUnicode_FromString(runlog_journal_state_name(journal->state)));
  PyObject* last_step = Py_None;
  if (journal->has_last_step) {
    last_step = PyLong_FromLongLong(journal->last_step);
  } else {
    Py_INCREF(last_step);
  }
  return with_item(dict, "last_step", last_step);
}

PyObject* dict_of_damage(const runlog_damage* damage) {
  static const Field kFields[] = {FIELD(runlog_damage, path, kPath),
                                  FIELD(runlog_damage, why, kText),
                                  FIELD(runlog_damage, begin, kUint64),
                                  FIELD(runlog_damage, end, kUint64),
                                  FIELD(runlog_damage, records_lost, kUint64),
                                  FIELD(runlog_damage, exact, kInt32),
                                  {NULL, 0, kText}};
  return dict_by(kFields, damage);
}

PyObject* dict_of_outcome(const runlog_outcome* outcome) {
  static const Field kFields[] = {FIELD(runlog_outcome, message, kText),
                                  FIELD(runlog_outcome, records_kept, kUint64),
                                  FIELD(runlog_outcome, records_damaged, kUint64),
                                  FIELD(runlog_outcome, records_dropped, kUint64),
                                  FIELD(runlog_outcome, packs_shipped, kUint64),
                                  FIELD(runlog_outcome, bytes_shipped, kUint64),
                                  {NULL, 0, kText}};
  PyObject* dict = dict_by(kFields, outcome);
  dict = with_item(dict, "verdict", PyUnicode_FromString(runlog_verdict_name(outcome->verdict)));
  return with_item(dict, "journal", dict_of_journal(outcome->journal));
}

PyObject* dict_of_stats(const runlog_stats* stats) {
  static const Field kFields[] = {FIELD(runlog_stats, records, kUint64),
                                  FIELD(runlog_stats, dropped, kUint64),
                                  FIELD(runlog_stats, dropped_series, kUint64),
                                  FIELD(runlog_stats, records_lost, kUint64),
                                  FIELD(runlog_stats, spilled, kUint64),
                                  FIELD(runlog_stats, names_mended, kUint64),
                                  FIELD(runlog_stats, times_mended, kUint64),
                                  FIELD(runlog_stats, property_conflicts, kUint64),
                                  FIELD(runlog_stats, segments_late, kUint64),
                                  FIELD(runlog_stats, syncs, kUint64),
                                  FIELD(runlog_stats, segments_sealed, kUint64),
                                  FIELD(runlog_stats, packs_made, kUint64),
                                  FIELD(runlog_stats, packs_shipped, kUint64),
                                  FIELD(runlog_stats, bytes_shipped, kUint64),
                                  FIELD(runlog_stats, records_shipped, kUint64),
                                  FIELD(runlog_stats, ship_retries, kUint64),
                                  FIELD(runlog_stats, packs_waiting, kUint64),
                                  FIELD(runlog_stats, objects_refused, kUint64),
                                  FIELD(runlog_stats, disk_bytes_now, kUint64),
                                  FIELD(runlog_stats, lanes, kUint64),
                                  FIELD(runlog_stats, series, kUint64),
                                  FIELD(runlog_stats, sigbus_caught, kUint64),
                                  FIELD(runlog_stats, journals_adopted, kUint64),
                                  FIELD(runlog_stats, reports_unwritten, kUint64),
                                  {NULL, 0, kText}};
  return dict_by(kFields, stats);
}

PyObject* dict_of_report(const runlog_folder_report* report) {
  static const Field kFields[] = {FIELD(runlog_folder_report, staged, kUint64),
                                  FIELD(runlog_folder_report, bytes, kUint64),
                                  FIELD(runlog_folder_report, skipped_links, kUint64),
                                  FIELD(runlog_folder_report, skipped_journals, kUint64),
                                  FIELD(runlog_folder_report, skipped_special, kUint64),
                                  {NULL, 0, kText}};
  return dict_by(kFields, report);
}

PyObject* dict_of_progress(const runlog_progress* progress) {
  static const Field kFields[] = {FIELD(runlog_progress, journals_done, kUint64),
                                  FIELD(runlog_progress, journals, kUint64),
                                  FIELD(runlog_progress, bytes_shipped, kUint64),
                                  FIELD(runlog_progress, bytes_waiting, kUint64),
                                  FIELD(runlog_progress, run_id, kText),
                                  {NULL, 0, kText}};
  return dict_by(kFields, progress);
}

PyObject* dict_of_cleaned(const runlog_cleaned_file* file) {
  static const Field kFields[] = {FIELD(runlog_cleaned_file, path, kPath),
                                  FIELD(runlog_cleaned_file, why_kept, kText),
                                  FIELD(runlog_cleaned_file, bytes, kUint64),
                                  FIELD(runlog_cleaned_file, removed, kInt32),
                                  {NULL, 0, kText}};
  return dict_by(kFields, file);
}

PyObject* dict_of_error(const runlog_error* error) {
  PyObject* dict = PyDict_New();
  dict = with_item(dict, "code", PyUnicode_FromString(runlog_code_name(error->code)));
  dict = with_item(dict, "errno", PyLong_FromLong(error->os_errno));
  return with_item(dict, "message", unicode_from(error->message));
}
