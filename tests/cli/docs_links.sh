# Every relative link in the documents leads to a file, and to a heading where it names one.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
cd "$RUNLOG_SOURCE"

# As GitHub makes anchors: lower case, no punctuation, blanks to hyphens.
anchors() {
  awk '/^```/ { code = !code } !code && /^#+ /' "$1" | sed 's/^#* //' |
    tr '[:upper:]' '[:lower:]' | sed 's/[^a-z0-9 _-]//g; s/ /-/g'
}
checked=0
for page in README.md CHANGELOG.md docs/*.md docs/decisions/*.md tests/*/README.md; do
  while read -r link; do
    target=${link%%#*}
    file=$page
    if [[ -n $target ]]; then
      file=$(dirname "$page")/$target
      [[ -e $file ]] || fail "$page links to $target, which is not there"
    fi
    if [[ $link == *#* ]]; then
      grep -qxF -- "${link#*#}" <(anchors "$file") || fail "$page: no heading for $link"
    fi
    checked=$((checked + 1))
  done < <(awk '/^```/ { code = !code; next } !code' "$page" | grep -oE '\]\([^)]+\)|href="[^"]+"' |
    sed -E 's/^(\]\(|href=")//; s/[)"]$//' | grep -vE '^(https?|mailto):')
done
((checked > 50)) || fail "only $checked links found"
