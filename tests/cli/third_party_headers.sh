# Each third-party header is known to one file of the programs, so that another library can take its
# place.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"

cd "$RUNLOG_SOURCE"
for header in CLI nlohmann fmt; do
  equal "$(grep -rlE "^ *# *include <$header/" tools recover | wc -l)" 1 "files that include $header"
done
