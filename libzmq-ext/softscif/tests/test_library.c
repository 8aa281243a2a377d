/* SPDX-License-Identifier: MPL-2.0 */
/* The library as a file: its name, its symbols, their version. */
#include "check.h"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/stat.h>

static const char *const functions[] = {
  "scif_accept",     "scif_bind",       "scif_close",     "scif_connect",
  "scif_fence_mark", "scif_fence_signal", "scif_fence_wait", "scif_get_fd",
  "scif_get_nodeIDs", "scif_listen",    "scif_mmap",      "scif_munmap",
  "scif_open",       "scif_poll",       "scif_readfrom",  "scif_recv",
  "scif_register",   "scif_send",       "scif_unregister", "scif_vreadfrom",
  "scif_vwriteto",   "scif_writeto",
};
#define FUNCTIONS (sizeof functions / sizeof *functions)

static const char *image;
static const ElfW (Shdr) *sections;
static unsigned section_count;

static void load (void)
{
    Dl_info info;
    struct stat st;
    CHECK (dladdr ((void *) (uintptr_t) &scif_open, &info) != 0);
    const int fd = open (info.dli_fname, O_RDONLY | O_CLOEXEC);
    CHECK (fd >= 0 && fstat (fd, &st) == 0);
    image = mmap (NULL, (size_t) st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    close (fd);
    const ElfW (Ehdr) *header = (const void *) image;
    sections = (const void *) (image + header->e_shoff);
    section_count = header->e_shnum;
}

static const ElfW (Shdr) *section (unsigned type)
{
    for (unsigned i = 0; i < section_count; i++)
        if (sections[i].sh_type == type)
            return &sections[i];
    return NULL;
}

static void test_soname (void)
{
    const ElfW (Shdr) *dynamic = section (SHT_DYNAMIC);
    const char *soname = NULL;
    if (!CHECK (dynamic != NULL))
        return;
    const char *strings = image + sections[dynamic->sh_link].sh_offset;
    const ElfW (Dyn) *d = (const void *) (image + dynamic->sh_offset);
    for (; d->d_tag != DT_NULL; d++)
        if (d->d_tag == DT_SONAME)
            soname = strings + d->d_un.d_val;
    CHECK (soname && strcmp (soname, "libscif.so.0") == 0);
}

/* The name of the version definition with this index. */
static const char *version_name (unsigned index)
{
    const ElfW (Shdr) *s = section (SHT_GNU_verdef);
    if (!s)
        return "";
    const char *strings = image + sections[s->sh_link].sh_offset;
    const char *at = image + s->sh_offset;
    for (unsigned i = 0; i < s->sh_info; i++) {
        const ElfW (Verdef) *v = (const void *) at;
        const ElfW (Verdaux) *name = (const void *) (at + v->vd_aux);
        if (v->vd_ndx == index)
            return strings + name->vda_name;
        at += v->vd_next;
    }
    return "";
}

static void test_exports (void)
{
    const ElfW (Shdr) *s = section (SHT_DYNSYM);
    const ElfW (Shdr) *versions = section (SHT_GNU_versym);
    unsigned found = 0, other = 0;
    if (!CHECK (s && versions))
        return;
    const char *strings = image + sections[s->sh_link].sh_offset;
    const ElfW (Sym) *symbols = (const void *) (image + s->sh_offset);
    const uint16_t *version = (const void *) (image + versions->sh_offset);
    for (size_t i = 1; i < s->sh_size / sizeof *symbols; i++) {
        const char *name = strings + symbols[i].st_name;
        if (symbols[i].st_shndx == SHN_UNDEF
            || (symbols[i].st_info & 0xf) != STT_FUNC)
            continue;
        size_t k = 0;
        while (k < FUNCTIONS && strcmp (name, functions[k]) != 0)
            k++;
        if (k == FUNCTIONS) {
            fprintf (stderr, "# exported: %s\n", name);
            other++;
            continue;
        }
        found++;
        CHECK (strcmp (version_name (version[i] & 0x7fff), "SCIF_0.0") == 0);
        CHECK ((version[i] & 0x8000) == 0); /* the default version */
    }
    CHECK_EQUAL (found, FUNCTIONS);
    CHECK_EQUAL (other, 0);
}

static void test_dlopen (void)
{
    void *library = dlopen ("libscif.so.0", RTLD_NOW);
    if (!CHECK (library != NULL))
        return;
    for (size_t i = 0; i < FUNCTIONS; i++)
        CHECK (dlvsym (library, functions[i], "SCIF_0.0") != NULL);
    dlclose (library);
}

int main (void)
{
    check_begin ("library", 20);
    load ();
    RUN (test_soname);
    RUN (test_exports);
    RUN (test_dlopen);
    return check_end ();
}
