/* Why TLS with a peer failed. Pure data. */
#pragma once

enum tls_fault {
    TLS_FINE,
    TLS_PLAIN_PEER,         /* a client that speaks plain HTTP */
    TLS_GARBAGE,            /* what came is not TLS */
    TLS_CUT,                /* the connection ended within the handshake */
    TLS_NO_VERSION,         /* no protocol version in common */
    TLS_REFUSED,            /* the peer ended it by an alert, or no cipher in common */
    TLS_EXPIRED,            /* the peer's certificate, or it is not valid yet */
    TLS_WRONG_NAME,
    TLS_UNKNOWN_ISSUER,
    TLS_BAD_CERTIFICATE,    /* otherwise bad */
    TLS_WANTS_CERTIFICATE,  /* the peer demands one of us */
};
