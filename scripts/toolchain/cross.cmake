# SPDX-License-Identifier: MPL-2.0
# Toolchain file for machines of another kind than the one that builds.
#   CROSS_TRIPLET  what the names of the compilers begin with: aarch64-linux-gnu, k1om-mpss-linux
#   CROSS_ROOTS    where headers and libraries are looked for, and nowhere else
# By hand: cmake -DCMAKE_TOOLCHAIN_FILE=<this> -DCROSS_TRIPLET=aarch64-linux-gnu -DCROSS_ROOTS=/usr/aarch64-linux-gnu …

# CMake's own trial builds read this file, too, and have to be told.
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES CROSS_TRIPLET CROSS_ROOTS)

if(NOT CROSS_TRIPLET)
  message(FATAL_ERROR "CROSS_TRIPLET is not set")
endif()
string(REGEX REPLACE "-.*" "" CMAKE_SYSTEM_PROCESSOR "${CROSS_TRIPLET}")
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_C_COMPILER "${CROSS_TRIPLET}-gcc")
set(CMAKE_CXX_COMPILER "${CROSS_TRIPLET}-g++")

set(CMAKE_FIND_ROOT_PATH "${CROSS_ROOTS}")
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
