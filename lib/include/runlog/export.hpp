// RUNLOG_EXPORT marks what the shared library shows; everything else is hidden.
#pragma once

#define RUNLOG_EXPORT __attribute__((visibility("default")))
