/* SPDX-License-Identifier: MPL-2.0 */

#include "precompiled.hpp"
#include "macros.hpp"
#include "msg_pool.hpp"

#include <stdlib.h>
#include <string.h>

#include "err.hpp"

zmq::msg_pool_t::msg_pool_t (poller_t *poller_) :
    _poller (poller_), _busy (false), _refs (1), _unused (0), _keep (false)
{
    memset (_lists, 0, sizeof _lists);
}

zmq::msg_pool_t::~msg_pool_t ()
{
    zmq_assert (_unused == 0);
}

void zmq::msg_pool_t::close ()
{
    if (_keep)
        _poller->cancel_timer (this, 0);
    reset (false);
    if (!_refs.sub (1))
        delete this;
}

int zmq::msg_pool_t::init_msg (msg_t *msg_, size_t size_)
{
    if (size_ < min_size || size_ > max_size)
        return msg_->init_size (size_);

    size_t list = 0;
    size_t capacity = min_size;
    while (capacity < size_) {
        capacity += static_cast<size_t> (min_size / 4) << (list / 4);
        ++list;
    }

    if (!_keep)
        _poller->add_timer (idle_ivl, this, 0);

    _busy = true;

    block_t *block;
    block_t *surplus = NULL;
    {
        scoped_lock_t locker (_sync);
        _keep = true;
        block = _lists[list];
        if (block) {
            _lists[list] = block->next;
            _unused -= block->capacity;
        } else
            //  Make room for the new block, lest the pool stays full of blocks
            //  of sizes that are not asked for any more.
            surplus = shrink (max_unused - capacity);
    }
    free_blocks (surplus);

    if (!block) {
        block = static_cast<block_t *> (malloc (header_size + capacity));
        if (!block) {
            //  There may well be enough memory for what has been asked for.
            reset (true);
            return msg_->init_size (size_);
        }
        block->pool = this;
        block->capacity = capacity;
        block->list = list;
    }
    _refs.add (1);

    return msg_->init_external_storage (
      &block->content, reinterpret_cast<unsigned char *> (block) + header_size,
      size_, give_back, block);
}

void zmq::msg_pool_t::give_back (void *, void *block_)
{
    block_t *block = static_cast<block_t *> (block_);
    msg_pool_t *const pool = block->pool;
    {
        scoped_lock_t locker (pool->_sync);
        if (pool->_keep && pool->_unused + block->capacity <= max_unused) {
            block->next = pool->_lists[block->list];
            pool->_lists[block->list] = block;
            pool->_unused += block->capacity;
            block = NULL;
        }
    }
    free (block);
    if (!pool->_refs.sub (1))
        delete pool;
}

size_t zmq::msg_pool_t::unused ()
{
    scoped_lock_t locker (_sync);
    return _unused;
}

void zmq::msg_pool_t::in_event ()
{
    //  There is no descriptor to poll. This function is never called.
    zmq_assert (false);
}

void zmq::msg_pool_t::out_event ()
{
    //  There is no descriptor to poll. This function is never called.
    zmq_assert (false);
}

void zmq::msg_pool_t::timer_event (int)
{
    if (_busy) {
        _busy = false;
        _poller->add_timer (idle_ivl, this, 0);
    } else
        reset (false);
}

zmq::msg_pool_t::block_t *zmq::msg_pool_t::shrink (size_t max_unused_)
{
    block_t *surplus = NULL;
    for (size_t list = 0; _unused > max_unused_; ++list)
        while (_lists[list] && _unused > max_unused_) {
            block_t *const block = _lists[list];
            _lists[list] = block->next;
            _unused -= block->capacity;
            block->next = surplus;
            surplus = block;
        }
    return surplus;
}

void zmq::msg_pool_t::free_blocks (block_t *blocks_)
{
    while (blocks_) {
        block_t *const next = blocks_->next;
        free (blocks_);
        blocks_ = next;
    }
}

void zmq::msg_pool_t::reset (bool keep_)
{
    block_t *blocks;
    {
        scoped_lock_t locker (_sync);
        _keep = keep_;
        blocks = shrink (0);
    }
    free_blocks (blocks);
}
