/* SPDX-License-Identifier: MPL-2.0 */
/* The table of functions: header, symbols, soname. */
#define _GNU_SOURCE
#include "support.h"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const functions[] = {
  "scif_accept",      "scif_bind",       "scif_close",
  "scif_connect",     "scif_fence_mark", "scif_fence_signal",
  "scif_fence_wait",  "scif_get_fd",     "scif_get_nodeIDs",
  "scif_listen",      "scif_mmap",       "scif_munmap",
  "scif_open",        "scif_poll",       "scif_readfrom",
  "scif_recv",        "scif_register",   "scif_send",
  "scif_unregister",  "scif_vreadfrom",  "scif_vwriteto",
  "scif_writeto",
};
#define FUNCTIONS (sizeof functions / sizeof *functions)

CASE (api_versions, "api", "the 22 functions are there, at version SCIF_0.0", 0)
{
    size_t i;
    CHECK (FUNCTIONS == 22);
    for (i = 0; i < FUNCTIONS; i++) {
        void *plain = dlsym (RTLD_DEFAULT, functions[i]);
        void *versioned = dlvsym (RTLD_DEFAULT, functions[i], "SCIF_0.0");
        if (!plain)
            FAIL ("%s is not there", functions[i]);
        if (plain != versioned)
            FAIL ("%s is not at version SCIF_0.0", functions[i]);
    }
}

/* ---- the library's file ---- */

struct image {
    const char *bytes;
    size_t size;
    const ElfW (Ehdr) * header;
    const ElfW (Shdr) * sections;
};

static void library_path (char *path, size_t size)
{
    Dl_info info;
    void *function = dlsym (RTLD_DEFAULT, "scif_open");
    CHECK (function && dladdr (function, &info) && info.dli_fname);
    CHECK (strlen (info.dli_fname) < size);
    strcpy (path, info.dli_fname);
}

static struct image library_image (void)
{
    struct image image;
    char path[PATH_MAX];
    struct stat status;
    int fd;
    library_path (path, sizeof path);
    note ("the library is %s", path);
    fd = (int) SUCCEEDS (open (path, O_RDONLY | O_CLOEXEC));
    RETURNS (fstat (fd, &status), 0);
    image.size = (size_t) status.st_size;
    image.bytes = mmap (NULL, image.size, PROT_READ, MAP_PRIVATE, fd, 0);
    CHECK (image.bytes != MAP_FAILED);
    close (fd);
    CHECK (image.size > sizeof *image.header
           && !memcmp (image.bytes, ELFMAG, SELFMAG));
    image.header = (const void *) image.bytes;
    image.sections = (const void *) (image.bytes + image.header->e_shoff);
    CHECK (image.header->e_shnum > 0);
    return image;
}

/* The section of this type. */
static const ElfW (Shdr) * section (const struct image *image, unsigned type)
{
    int i;
    for (i = 0; i < image->header->e_shnum; i++)
        if (image->sections[i].sh_type == type)
            return &image->sections[i];
    FAIL ("the library has no section of type 0x%x", type);
}

CASE (api_soname, "api", "the soname is libscif.so.0", 0)
{
    struct image image = library_image ();
    const ElfW (Shdr) *dynamic = section (&image, SHT_DYNAMIC);
    const char *names =
      image.bytes + image.sections[dynamic->sh_link].sh_offset;
    const ElfW (Dyn) *entry =
      (const void *) (image.bytes + dynamic->sh_offset);
    for (; entry->d_tag != DT_NULL; entry++)
        if (entry->d_tag == DT_SONAME) {
            if (strcmp (names + entry->d_un.d_val, "libscif.so.0"))
                FAIL ("the soname is %s", names + entry->d_un.d_val);
            return;
        }
    FAIL ("there is no soname");
}

static bool expected_symbol (const char *name)
{
    /* The version node, and what some linkers export of themselves. */
    static const char *const others[] = {"SCIF_0.0", "_init", "_fini",
                                         "_edata",   "_end",  "__bss_start"};
    size_t i;
    for (i = 0; i < FUNCTIONS; i++)
        if (!strcmp (name, functions[i]))
            return true;
    for (i = 0; i < sizeof others / sizeof *others; i++)
        if (!strcmp (name, others[i]))
            return true;
    return false;
}

CASE (api_nothing_else, "api", "nothing but the 22 functions is exported", 0)
{
    struct image image = library_image ();
    const ElfW (Shdr) *table = section (&image, SHT_DYNSYM);
    const char *names = image.bytes + image.sections[table->sh_link].sh_offset;
    const ElfW (Sym) *symbols = (const void *) (image.bytes + table->sh_offset);
    size_t count = table->sh_size / sizeof *symbols, i, found = 0;
    for (i = 1; i < count; i++) {
        const char *name = names + symbols[i].st_name;
        if (symbols[i].st_shndx == SHN_UNDEF
            || ELF64_ST_BIND (symbols[i].st_info) == STB_LOCAL)
            continue;
        if (!expected_symbol (name))
            FAIL ("%s is exported", name);
        found += !strncmp (name, "scif_", 5);
    }
    RETURNS (found, FUNCTIONS);
}

/* ---- the header ---- */

#define SAME_TYPE(function, ...)                                               \
    CHECK (__builtin_types_compatible_p (__typeof__ (function), __VA_ARGS__))

CASE (api_prototypes, "api", "the functions have the documented types", 0)
{
    typedef struct scif_portID id;
    SAME_TYPE (scif_open, scif_epd_t (void));
    SAME_TYPE (scif_close, int (scif_epd_t));
    SAME_TYPE (scif_bind, int (scif_epd_t, uint16_t));
    SAME_TYPE (scif_listen, int (scif_epd_t, int));
    SAME_TYPE (scif_connect, int (scif_epd_t, id *));
    SAME_TYPE (scif_accept, int (scif_epd_t, id *, scif_epd_t *, int));
    SAME_TYPE (scif_send, int (scif_epd_t, void *, int, int));
    SAME_TYPE (scif_recv, int (scif_epd_t, void *, int, int));
    SAME_TYPE (scif_register,
               off_t (scif_epd_t, void *, size_t, off_t, int, int));
    SAME_TYPE (scif_unregister, int (scif_epd_t, off_t, size_t));
    SAME_TYPE (scif_mmap, void *(void *, size_t, int, int, scif_epd_t, off_t));
    SAME_TYPE (scif_munmap, int (void *, size_t));
    SAME_TYPE (scif_readfrom, int (scif_epd_t, off_t, size_t, off_t, int));
    SAME_TYPE (scif_writeto, int (scif_epd_t, off_t, size_t, off_t, int));
    SAME_TYPE (scif_vreadfrom, int (scif_epd_t, void *, size_t, off_t, int));
    SAME_TYPE (scif_vwriteto, int (scif_epd_t, void *, size_t, off_t, int));
    SAME_TYPE (scif_fence_mark, int (scif_epd_t, int, int *));
    SAME_TYPE (scif_fence_wait, int (scif_epd_t, int));
    SAME_TYPE (scif_fence_signal,
               int (scif_epd_t, off_t, uint64_t, off_t, uint64_t, int));
    SAME_TYPE (scif_get_nodeIDs, int (uint16_t *, int, uint16_t *));
    SAME_TYPE (scif_get_fd, int (scif_epd_t));
    SAME_TYPE (scif_poll, int (struct scif_pollepd *, unsigned int, long));
}

CASE (api_types, "api", "the types have the sizes and layout of the ABI", 0)
{
    SAME_TYPE (scif_epd_t, int);
    RETURNS (sizeof (struct scif_portID), 4);
    RETURNS (offsetof (struct scif_portID, node), 0);
    RETURNS (offsetof (struct scif_portID, port), 2);
    RETURNS (sizeof (struct scif_pollepd), sizeof (struct pollfd));
    RETURNS (offsetof (struct scif_pollepd, epd), offsetof (struct pollfd, fd));
    RETURNS (offsetof (struct scif_pollepd, events),
             offsetof (struct pollfd, events));
    RETURNS (offsetof (struct scif_pollepd, revents),
             offsetof (struct pollfd, revents));
    RETURNS (sizeof (off_t), 8);
}

/* For names that not every header has: CMake finds out which are there. */
#define WHEN_1(name, text, value) RETURNS (name, value)
#define WHEN_0(name, text, value) FAIL ("%s is not in scif.h", text)
#define WHEN(there, name, text, value) WHEN_##there (name, text, value)
#define WHEN_EXPANDED(there, name, text, value) WHEN (there, name, text, value)
#define THERE(name, value) WHEN_EXPANDED (HAVE_##name, name, #name, value)

CASE (api_constants, "api", "the constants have the values of the ABI", 0)
{
    RETURNS (SCIF_OPEN_FAILED, -1);
    CHECK (SCIF_REGISTER_FAILED == (off_t) -1);
    CHECK (SCIF_MMAP_FAILED == (void *) -1);
    RETURNS (SCIF_ACCEPT_SYNC, 1);
    RETURNS (SCIF_SEND_BLOCK, 1);
    RETURNS (SCIF_RECV_BLOCK, 1);
    RETURNS (SCIF_PROT_READ, 1);
    RETURNS (SCIF_PROT_WRITE, 2);
    RETURNS (SCIF_MAP_FIXED, 0x10);
    RETURNS (SCIF_MAP_KERNEL, 0x20);
    RETURNS (SCIF_FENCE_INIT_SELF, 1);
    RETURNS (SCIF_FENCE_INIT_PEER, 2);
    THERE (SCIF_FENCE_RAS_SELF, 4);
    THERE (SCIF_FENCE_RAS_PEER, 8);
    RETURNS (SCIF_SIGNAL_LOCAL, 0x10);
    RETURNS (SCIF_SIGNAL_REMOTE, 0x20);
    RETURNS (SCIF_RMA_USECPU, 1);
    RETURNS (SCIF_RMA_USECACHE, 2);
    RETURNS (SCIF_RMA_SYNC, 4);
    RETURNS (SCIF_RMA_ORDERED, 8);
    THERE (SCIF_POLLIN, POLLIN);
    THERE (SCIF_POLLOUT, POLLOUT);
    THERE (SCIF_POLLERR, POLLERR);
    THERE (SCIF_POLLHUP, POLLHUP);
    THERE (SCIF_POLLNVAL, POLLNVAL);
    THERE (SCIF_ADMIN_PORT_END, 1024);
    THERE (SCIF_PORT_RSVD, 1088);
}

CASE (api_old_names, "api", "the deprecated names still compile", 0)
{
    THERE (ACCEPT_SYNC, 1);
    THERE (SEND_BLOCK, 1);
    THERE (RECV_BLOCK, 1);
#if HAVE_portID_t
    {
        struct portID one;
        portID_t two;
        RETURNS (sizeof one, 4);
        SAME_TYPE (one, struct scif_portID);
        SAME_TYPE (two, struct scif_portID);
    }
#else
    FAIL ("struct portID and portID_t are not in scif.h");
#endif
}
