// SPDX-License-Identifier: MPL-2.0
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { perfPrograms } from './recipe.ts'

/** For tests: writes a file and the folders above it. */
export function put(file: string, text = '', mode = 0o644): string {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
  chmodSync(file, mode)
  return file
}

const zmqHeader = `/* SPDX-License-Identifier: MPL-2.0 */
void zmq_version (int *major, int *minor, int *patch);
int zmq_has (const char *capability);
`

/** What stands in for libzmq: the two functions that the toolkit asks, and libscif when it is in. */
const zmqSource = `/* SPDX-License-Identifier: MPL-2.0 */
#include <string.h>
#ifdef WITH_SCIF
extern int scif_open (void);
int (*const uses_libscif) (void) = scif_open;
#endif
void zmq_version (int *major, int *minor, int *patch)
{
    *major = 4, *minor = 3, *patch = 4;
}
int zmq_has (const char *capability)
{
#ifdef WITH_SCIF
    return !strcmp (capability, "scif");
#else
    return 0;
#endif
}
`

/** A configure in the manner of Autoconf's: VPATH build, variables as arguments. */
const configure = `#!/bin/sh
srcdir=$(dirname "$0")
for arg; do
  case $arg in
    --prefix=*) prefix=\${arg#*=} ;;
    --with-scif=*) scif="-DWITH_SCIF"; libs="-L\${arg#*=}/lib -lscif" ;;
    CC=*) cc=\${arg#*=} ;;
    LDFLAGS=*) ldflags=\${arg#*=} ;;
  esac
done
mkdir -p src/.libs perf
cat > Makefile <<END
src/libzmq.la: src/.libs/libzmq.so.5.2.4
src/.libs/libzmq.so.5.2.4: $srcdir/src/zmq.cpp
	@echo "  CXX      src/libzmq_la-zmq.lo"
	$cc -shared -fPIC -x c $scif -o \\$@ $srcdir/src/zmq.cpp $libs -Wl,-soname,libzmq.so.5 $ldflags
perf/%: $srcdir/perf/%.cpp src/libzmq.la
	$cc -c -x c -o \\$@.o $srcdir/perf/\\$*.cpp
	touch \\$@
install-libLTLIBRARIES:
	mkdir -p \\$(DESTDIR)$prefix/lib
	cp src/.libs/libzmq.so.5.2.4 \\$(DESTDIR)$prefix/lib/
	ln -sf libzmq.so.5.2.4 \\$(DESTDIR)$prefix/lib/libzmq.so.5
	ln -sf libzmq.so.5.2.4 \\$(DESTDIR)$prefix/lib/libzmq.so
	echo "# libtool's" > \\$(DESTDIR)$prefix/lib/libzmq.la
install-includeHEADERS:
	mkdir -p \\$(DESTDIR)$prefix/include
	cp $srcdir/include/zmq.h \\$(DESTDIR)$prefix/include/
install-pkgconfigDATA:
	mkdir -p \\$(DESTDIR)$prefix/lib/pkgconfig
	echo Name: libzmq > \\$(DESTDIR)$prefix/lib/pkgconfig/libzmq.pc
END
touch config.status
echo "configured" >> configured
`

/** For tests: a tree that builds as libzmq does, by autogen.sh, configure and make, in a second. */
export function standInLibzmq(dir: string): string {
  put(join(dir, 'include', 'zmq.h'), zmqHeader)
  put(join(dir, 'src', 'zmq.cpp'), zmqSource)
  put(join(dir, 'configure.ac'), 'AC_INIT\n')
  put(
    join(dir, 'autogen.sh'),
    `#!/bin/sh\nmkdir -p config\necho run >> config/autogen-runs\ncat > configure <<'THE_END'\n${configure}THE_END\nchmod +x configure\n`,
  )
  for (const name of perfPrograms)
    put(
      join(dir, 'perf', `${name}.cpp`),
      `#include "../include/zmq.h"\nint main (void) { return !zmq_has ("scif"); }\n`,
    )
  return dir
}

/** For tests: CMake sources that build and install a libscif, as SoftSCIF's do. */
export function standInSoftscif(dir: string): string {
  put(join(dir, 'include', 'scif.h'), '/* SoftSCIF */\nint scif_open (void);\n')
  put(join(dir, 'src', 'scif.c'), 'int scif_open (void) { return 7; }\n')
  put(
    join(dir, 'CMakeLists.txt'),
    `cmake_minimum_required(VERSION 3.16)
project(softscif LANGUAGES C)
add_library(scif SHARED src/scif.c)
set_target_properties(scif PROPERTIES VERSION 0.0.1 SOVERSION 0)
install(TARGETS scif LIBRARY DESTINATION lib)
install(FILES include/scif.h DESTINATION include)
`,
  )
  return dir
}
