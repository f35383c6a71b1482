//! Runs the engine on threads, rings, sockets and the clock.
