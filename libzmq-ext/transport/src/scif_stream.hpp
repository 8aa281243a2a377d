/* SPDX-License-Identifier: MPL-2.0 */

#ifndef __ZMQ_SCIF_STREAM_HPP_INCLUDED__
#define __ZMQ_SCIF_STREAM_HPP_INCLUDED__

#include <stddef.h>
#include <sys/types.h>

#include "platform.hpp"

#if defined ZMQ_HAVE_SCIF

#include "fd.hpp"
#include "macros.hpp"
#include "scif_ring.hpp"
#include "stdint.hpp"

namespace zmq
{
struct options_t;

//  The byte stream of a connected SCIF endpoint, and the descriptor by which
//  a poller can wait for it.
//
//  The SCIF driver hooks an endpoint into the wait queues of an epoll set
//  when it is added, and only for the events asked for at that moment; what
//  is asked for later is never signalled. It also reports a hang-up whether
//  asked for or not. As neither suits libzmq's pollers, the endpoint sits in
//  an epoll set of its own, added with all events it will ever want, and
//  libzmq polls that set.
//
//  The stream begins with a greeting by which the ends agree on how to go on.
//  If both could map the other one's memory the bytes go through rings in
//  that memory, and the endpoint only carries bells, each a byte, for whoever
//  sleeps. Otherwise the bytes go through the endpoint.
class scif_stream_t
{
  public:
    //  Takes over a connected endpoint, and closes it in the end. The other
    //  end is on this very node if 'same_node_' is true.
    scif_stream_t (int epd_, bool same_node_, const options_t &options_);
    ~scif_stream_t ();

    //  The descriptor to poll for input: readable when something that is
    //  watched for has happened, or the peer has gone. It is up to the caller
    //  to close it. It is retired_fd, with errno set, if the process
    //  has run out of descriptors.
    fd_t get_fd () const;

    //  Sets what is to be signalled: data to read, space to write.
    void watch (bool in_, bool out_);

    //  Has the descriptor signal at once, whatever there is, if 'wake_' is
    //  true. Needed where there is no endpoint to do so: when reading ended
    //  before read, or writing before write, had nothing more to do.
    void wake (bool wake_);

    //  To be called when the descriptor is readable but read is not going to
    //  be called.
    void ignore_input ();

    //  Reads what has arrived, at most 'size_' bytes. Returns the number of
    //  bytes, or -1 and sets errno: EAGAIN if there is nothing, ECONNRESET if
    //  the peer has gone and all that it had sent has been read, EPROTO if
    //  the peer has broken the rules.
    int read (void *data_, size_t size_);

    //  Writes what there is space for. Returns the number of bytes, which may
    //  be 0, or -1 and sets errno if the peer has gone.
    int write (const void *data_, size_t size_);

    //  True iff the endpoint or the peer will signal when read, or write, has
    //  something to do again.
    bool read_is_signalled () const;
    bool write_is_signalled () const;

    //  True if write is sure to take that many bytes at once.
    bool has_space (size_t size_);

  private:
    //  The greeting, and the answer to that of the other end.
    enum
    {
        greeting_size = 64,
        use_rings = 'R',
        use_endpoint = 'E'
    };

    //  Where the stream is in its life.
    enum state_t
    {
        receiving_greeting,
        receiving_answer,
        endpoint_mode,
        ring_mode
    };

    void send_greeting (size_t ring_size_);
    int open ();
    bool map_peer (const unsigned char *greeting_);
    bool allocate_region (size_t ring_size_);
    void free_region ();
    void unmap_peer ();

    int read_endpoint (void *data_, size_t size_);
    int write_endpoint (const void *data_, size_t size_);
    int read_ring (void *data_, size_t size_);
    int write_ring (const void *data_, size_t size_);
    int move_in (void *data_, size_t size_);
    int move_out (const void *data_, size_t size_);

    //  How often it was of use, of late, to look for the peer to go on
    //  instead of going to sleep at once.
    struct patience_t
    {
        //  How often it was of no use since it was the last time.
        int failures;

        //  How often to go to sleep at once before trying again.
        int skips;
    };

    //  Looks for a few microseconds whether the peer goes on, unless that has
    //  been of no use of late. Returns true if it does.
    bool spin_for_data ();
    bool spin_for_space ();
    bool may_spin (patience_t *patience_) const;
    static void has_spun (patience_t *patience_, bool ready_);

    //  Takes the bells off the endpoint, and notices if the peer has gone.
    void receive_bells ();
    void ring_bell ();

    void update_events ();
    void unwatch ();
    void control (int op_, int events_);

    const int _epd;
    const bool _same_node;

    //  The epoll set that the endpoint is in.
    const fd_t _poll_fd;

    //  What the endpoint is asked for at present, or -1 if it is not in the
    //  set at all.
    int _events;

    //  What the caller watches for, and has asked to be woken up for.
    bool _watch_in;
    bool _watch_out;
    bool _wake;

    state_t _state;

    //  What has been received of the greeting.
    unsigned char _greeting[greeting_size];
    size_t _greeting_bytes;

    //  This end's memory, or NULL, and its offset as registered.
    void *_region;
    size_t _region_size;
    off_t _offset;

    //  The mapped memory of the other end, or NULL.
    void *_peer_region;
    size_t _peer_region_size;

    //  How much of the other end's ring to fill at most.
    size_t _limit;

    scif_ring_t _ring;

    patience_t _read_patience;
    patience_t _write_patience;

    //  True iff there is a processor for the peer to go on meanwhile.
    const bool _spins;

    //  True iff there is nothing more to expect from the endpoint.
    bool _peer_gone;

    //  An error that read has to report, or 0.
    int _error;

    bool _read_is_signalled;
    bool _write_is_signalled;

    ZMQ_NON_COPYABLE_NOR_MOVABLE (scif_stream_t)
};
}

#endif

#endif
