# Sourced by the scripts that install: parts of the system, named or installed.
say() { printf 'setup: %s\n' "$*" >&2; }
stop() { printf 'setup: %s\n' "$@" >&2; exit 1; }

may_install() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }

# need PACKAGE WHY: install a Debian package where we may, else name it and stop.
need() {
  if may_install; then
    say "installing $1 ($2)"
    export DEBIAN_FRONTEND=noninteractive
    if apt-get install -y -qq "$1" >/dev/null 2>&1 || { apt-get update -qq >/dev/null && apt-get install -y -qq "$1" >/dev/null; }; then
      return
    fi
  fi
  stop "this system lacks $1 ($2)" "install it, for example: sudo apt-get install $1"
}

# need_java: Java 17 or newer, where Spark looks for it.
need_java() {
  local java=${JAVA_HOME:+$JAVA_HOME/bin/}java version
  version=$("$java" -version 2>&1 | sed -nE '1s/.*version "([0-9]+).*/\1/p') || true
  [ "${version:-0}" -ge 17 ] || need openjdk-17-jre-headless "Java 17, which Spark runs on"
}

# need_postgres: the server's programs, which the tests start a server of their own from.
need_postgres() {
  command -v initdb >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null ||
    need postgresql "PostgreSQL's server, which the tests start for themselves"
}

# need_chromium: the browser that the tests of the view drive.
need_chromium() {
  command -v chromium >/dev/null || need chromium "the browser that the tests of the view drive"
}
