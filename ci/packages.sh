#!/bin/sh
# SPDX-License-Identifier: MPL-2.0
# What a CI machine (Debian, Ubuntu) wants beyond what ./build installs by itself: ccache, and the
# libraries of libzmq's other transports, so that verify can build scif beside all of them.
set -eu
sudo=
[ "$(id -u)" -eq 0 ] || sudo=sudo
$sudo apt-get -q update
$sudo apt-get -q install -y --no-install-recommends \
  ccache libgnutls28-dev libkrb5-dev libnorm-dev libpgm-dev
