/* SPDX-License-Identifier: MPL-2.0 */

#ifndef __ZMQ_MSG_POOL_HPP_INCLUDED__
#define __ZMQ_MSG_POOL_HPP_INCLUDED__

#include <stddef.h>

#include "atomic_counter.hpp"
#include "i_poll_events.hpp"
#include "macros.hpp"
#include "msg.hpp"
#include "mutex.hpp"
#include "poller.hpp"

namespace zmq
{
//  Memory for the large messages that an I/O thread receives. The C library
//  gives large blocks back to the system when they are freed, and has the
//  system map and clear them again, page by page, when the next message comes.
//  The pool keeps them instead, for as long as large messages keep coming.
//
//  Messages are initialised by the I/O thread only, and closed by any thread,
//  even after the I/O thread has ended.

class msg_pool_t ZMQ_FINAL : public i_poll_events
{
  public:
    enum
    {
        //  Messages of other sizes are none of the pool's business.
        min_size = 16 * 1024,
        max_size = 8 * 1024 * 1024,
        //  How much memory is kept at most that no message uses.
        max_unused = 16 * 1024 * 1024,
        //  After at least this time, and at most twice as much, without large
        //  messages nothing is kept any more. In milliseconds.
        idle_ivl = 1000
    };

    //  The poller is that of the I/O thread.
    explicit msg_pool_t (poller_t *poller_);

    //  To be called by the I/O thread when it ends. The pool deletes itself
    //  when the last message that uses it has been closed.
    void close ();

    //  Does the same as msg_t::init_size.
    int init_msg (msg_t *msg_, size_t size_);

    //  How much memory is kept.
    size_t unused ();

    //  i_poll_events implementation.
    void in_event () ZMQ_FINAL;
    void out_event () ZMQ_FINAL;
    void timer_event (int id_) ZMQ_FINAL;

  private:
    struct block_t
    {
        block_t *next;
        msg_pool_t *pool;
        //  Size of what follows the header, and the list for such blocks.
        size_t capacity;
        size_t list;
        msg_t::content_t content;
    };

    enum
    {
        //  Keeps the data of a message as aligned as any memory, and off the
        //  cache line of the header.
        header_size = (sizeof (block_t) + 63) / 64 * 64,
        //  Four sizes between each power of two and the next one.
        list_count = 4 * 9 + 1
    };

    ~msg_pool_t () ZMQ_OVERRIDE;

    //  Makes the pool keep at most this much. Returns what has to be freed.
    block_t *shrink (size_t max_unused_);
    static void free_blocks (block_t *blocks_);

    //  Frees all that is kept, and goes on to keep blocks only if asked to.
    void reset (bool keep_);

    static void give_back (void *data_, void *block_);

    poller_t *const _poller;

    //  True if there was a large message since the timer was set.
    bool _busy;

    //  The I/O thread and each block that is in use have a reference.
    atomic_counter_t _refs;

    //  Protects the members below.
    mutex_t _sync;
    block_t *_lists[list_count];
    size_t _unused;

    //  True while large messages keep coming; the timer is set then. Changed
    //  by the I/O thread only.
    bool _keep;

    ZMQ_NON_COPYABLE_NOR_MOVABLE (msg_pool_t)
};
}

#endif
