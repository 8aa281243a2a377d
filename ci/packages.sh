#!/bin/sh
# SPDX-License-Identifier: MPL-2.0
# What a CI machine (Debian, Ubuntu) wants beyond what ./build installs by itself: ccache; the
# libraries of libzmq's other transports, so that verify can build scif beside all of them; another
# machine's compiler and an emulator of it; strace, to count system calls; nanomsg and nng, which
# perf holds against libzmq; a browser, to look at the
# report. GitHub's Ubuntu has one, and Ubuntu's own package of it is none.
set -eu
sudo=
[ "$(id -u)" -eq 0 ] || sudo=sudo
$sudo apt-get -q update
$sudo apt-get -q install -y --no-install-recommends \
  ccache libgnutls28-dev libkrb5-dev libnorm-dev libpgm-dev \
  g++-aarch64-linux-gnu qemu-user strace libnanomsg-dev libnng-dev
# Upstream formats with 18; Debian 12 has no newer one than 16.
$sudo apt-get -q install -y --no-install-recommends clang-format-18 ||
  $sudo apt-get -q install -y --no-install-recommends clang-format-16 ||
  echo 'No clang-format between 16 and 19 is to be had.'
if [ "$(. /etc/os-release && echo "$ID")" = debian ]; then
  $sudo apt-get -q install -y --no-install-recommends chromium
fi
