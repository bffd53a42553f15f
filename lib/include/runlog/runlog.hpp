// The library in one include.
#pragma once

#include "runlog/crash.hpp"
#include "runlog/exporter.hpp"
#include "runlog/options.hpp"
#include "runlog/reader.hpp"
#include "runlog/record.hpp"
#include "runlog/recover.hpp"
#include "runlog/result.hpp"
#include "runlog/run.hpp"
#include "runlog/store.hpp"
