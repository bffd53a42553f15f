/* A stranger's program in C: main ROOT TEXT logs one metric and one text to a journal under ROOT.
 */
#include <runlog/runlog.h>
#include <stdio.h>

int main(int argc, char** argv) {
  runlog_setting settings[2];
  runlog_run* run = NULL;
  if (argc != 3) {
    fprintf(stderr, "usage: consumer ROOT TEXT\n");
    return 2;
  }
  settings[0] = runlog_set("root", argv[1]);
  settings[1] = runlog_set("project", "consumer");
  if (runlog_run_start(settings, 2, NULL, &run) != RUNLOG_OK) {
    fprintf(stderr, "consumer: %s\n", runlog_error_message());
    return 1;
  }
  runlog_run_log_step(run, "consumer/answer", RUNLOG_ZERO_TERMINATED, runlog_integer(42), 7);
  runlog_run_log_text(run, RUNLOG_LEVEL_INFO, argv[2], RUNLOG_ZERO_TERMINATED, NULL);
  runlog_run_complete(run);
  runlog_run_release(run);
  printf("consumer: logged with runlog %s\n", runlog_version());
  return 0;
}
