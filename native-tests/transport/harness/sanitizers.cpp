// SPDX-License-Identifier: MPL-2.0
//
// Defaults for sanitizers, which look these functions up by name; without a sanitizer nobody calls them.

extern "C" {
const char *__asan_default_options ();
const char *__tsan_default_options ();

//  A stranger's message may claim any size, and libzmq takes a refusal by malloc well. Freed memory is kept back only
//  in small amounts, because scenarios look at how much memory a process uses.
const char *__asan_default_options ()
{
    return "allocator_may_return_null=1:quarantine_size_mb=4:thread_local_quarantine_size_kb=64";
}
const char *__tsan_default_options ()
{
    return "allocator_may_return_null=1";
}
}
