/*
 * sessions.pml: starts and sessions of one conversation (SPEC.md chapter 10), two accounts with two devices each.
 *
 * The post office accepts an entry only at the end of the log and chained to it (AMB-PST-05; places.pml), so whoever made
 * an accepted entry had read every entry before it. What a device knows of a conversation is a function of the log and of
 * its own rotations (AMB-LOG-06). So a step of this model is one accepted entry, or one accepted rotation, and all active
 * devices read it at once; a device that lags is in a state in which its siblings have been.
 *
 * Cryptography is abstract. A session is known by the place of the last entry that moved it, `at`: a message is readable if
 * the reader is where the sender was. A start is readable, unless a fault has made it void (AMB-LOG-08): a post office that
 * does not keep AMB-PST-13, a one-time prekey with a bit flipped, or one that was used already; such are handed out also after
 * the faults, by a post office that was restored from a backup.
 *
 * Devices 0, 1 are A's, 2, 3 B's; 0 and 2 are leaders. Sets of places are masks: bit k is place k of the log.
 */

#ifndef ENTRIES
#define ENTRIES 5               /* entries before the faults stop */
#endif
#ifndef FAULTS
#define FAULTS 3                /* starts that a fault makes void */
#endif
#ifndef ROTATIONS
#define ROTATIONS 2
#endif
#ifndef USED
#define USED 2                  /* one-time prekeys that the post office hands out again, also after the faults */
#endif
#ifndef MALFORMED
#define MALFORMED 1             /* entries with content that breaks the rules */
#endif
#ifndef CHAIN
#define CHAIN 4                 /* answers in a row, of both sides, between two texts or rotations */
#endif

#define account(d) ((d) / 2)
#define none 0

bit on[4];
byte at[4];                     /* place of the last entry that moved the session; none: no session under these epochs */
bit spoke[4];                   /* an own entry stands in the session */
bit settled[4];                 /* an entry of the other side that stands after an own one was read in it */
bit doubt[4];                   /* an entry of the other side was void since the last one that was read */
bit answered[4];                /* the newest own entry is an answer, and nothing was read since */
bit older[4];                   /* ... and it named an epoch of the other side that has ended */
short unread[4];                /* void places of the other side whose report is not confirmed */
short listed[4];                /* those of them that an own entry of the session named */
short named[4];                 /* own places that the other side has named unread */
byte joined[4];                 /* where the log stood when the device came in */

byte n;                         /* entries of the log */
short own[2];                   /* whose they are */
short gone[2];                  /* own entries that are void at the other side */
short lost[2];                  /* those of them with a text */
short newest[2];                /* the newest of them */

byte entries = ENTRIES, faults = FAULTS, rotations = ROTATIONS, malformed = MALFORMED;
byte used[2];                   /* used one-time prekeys of the account that are still to be handed out */
byte usedleft = USED;
byte chain;                     /* answers since the last text or rotation */

bit puppet;                     /* B is the adversary's */
byte credit;                    /* answers that A may still make: one for each entry of B, or own rotation */

bit prepared[2];                /* the leader has a rotation under way */
short known[2];                 /* what it says in it of unread places, to a new device */

/* AMB-LOG-15: no session, newer epochs, or in doubt and unsettled. */
#if defined(OLD_START) || defined(NO_DOUBT)
#define due(d) (at[d] == none)
#else
#define due(d) (at[d] == none || doubt[d] && !settled[d])
#endif

/* AMB-LOG-18 */
#if defined(OLD_START)
#define owes(d) false
#elif defined(NO_AUTO)
#define owes(d) (on[d] && (unread[d] & ~listed[d]) != 0)
#elif defined(ANSWER_PART)
#define owes(d) (on[d] && (unread[d] & ~listed[d]) != 0 && !answered[d])
#else
/* An answer is bound to what came after it: what it should have named, and a new device could not, is owed all the same. */
#define owes(d) (on[d] && (unread[d] & ~listed[d] & (answered[d] -> newest[account(d)] - 1 : -1)) != 0)
#endif

/* AMB-LOG-13, 14: a start under a settled session of the same epochs is void, any other takes the session's place. */
#if defined(OLD_START)
#define takes(d) (at[d] == none)
#elif defined(NO_SETTLED)
#define takes(d) true
#else
#define takes(d) (at[d] == none || !settled[d])
#endif

/* of the entry that is being read */
bit isstart, isbroken, isread, isvoid;
byte from, i, k;
short place, list;

/*
 * follow: what an own entry does on every device of the account. They read what it names, and take it over: a device that is
 * new knows only what the leader knew when it made the rotation.
 */
inline follow(d, text) {
	assert(at[d] == from);                          /* property 5: siblings agree */
	at[d] = n; spoke[d] = 1; answered[d] = !text; older[d] = 0;
	if
	:: isstart -> settled[d] = 0; listed[d] = 0
	:: else
	fi;
#ifdef LISTED_ALL
	listed[d] = unread[d];
#elif defined(NOT_TAKEN_OVER)
	listed[d] = listed[d] | (list & unread[d]);
#else
	unread[d] = unread[d] | list; listed[d] = listed[d] | list;
#endif
}

inline unreadable(d) {
	isvoid = 1;
#ifdef MERGED
	/* a range that grows stays listed */
	if
	:: unread[d] != 0 && (unread[d] & ~listed[d]) == 0 -> listed[d] = listed[d] | place
	:: else
	fi;
#endif
	doubt[d] = 1; unread[d] = unread[d] | place;
#ifndef ANSWER_ONCE
	/* an answer bounds answers to the epoch that it was made for */
	if
	:: older[d] -> answered[d] = 0; older[d] = 0
	:: else
	fi;
#endif
}

inline report(d) {
#ifdef WATERMARK
	/* only what is above the highest place that was named before */
	place = list & own[account(d)];
	k = 1;
	do
	:: k <= n ->
		if
		:: (place & (1 << k)) && (named[d] >> (k)) == 0 -> named[d] = named[d] | (place & ~((1 << k) - 1)); break
		:: else -> k++
		fi
	:: else -> break
	od;
	place = 1 << n; k = 0;
#else
	named[d] = named[d] | (list & own[account(d)]);         /* AMB-LOG-17: what was not named before is reported */
#endif
#ifndef HOSTILE
	assert((named[d] & ~gone[account(d)]) == 0);            /* nothing is reported that was read */
#endif
}

inline read(d, bad) {
	assert(!isstart || at[d] == none || !settled[d]);       /* a settled session lasts as long as its epochs */
	isread = 1; doubt[d] = 0; answered[d] = 0; older[d] = 0;
	if
	:: isstart ->
#ifdef WEAK_SETTLED
		settled[d] = 1;
#else
		settled[d] = 0;
#endif
		spoke[d] = 0; listed[d] = 0
	:: else ->
		if
		:: spoke[d] -> settled[d] = 1
		:: else
		fi;
		unread[d] = unread[d] & ~listed[d]; listed[d] = 0       /* confirmed: it was made after our list was read */
	fi;
	at[d] = n;
	if
	:: bad
	:: else -> report(d)
	fi;
}

inline receive(d, bad) {
	if
	:: isstart && !isbroken && takes(d) -> read(d, bad)
#ifdef CONTENT_VOID
	:: !isstart && at[d] == from && !bad -> read(d, bad)
#else
	:: !isstart && at[d] == from -> read(d, bad)
#endif
	:: else -> unreadable(d)
	fi;
}

/*
 * send: device d's entry is accepted, and all active devices read it. It names all places that d knows to be unread
 * (AMB-LOG-16). bad: its content breaks the rules, and is read as empty.
 */
inline send(d, text, fault, bad) {
	d_step {
		isstart = due(d); from = at[d]; list = (bad -> 0 : unread[d]); isread = 0; isvoid = 0;
		n++; assert(n < 15); place = 1 << n; own[account(d)] = own[account(d)] | place; newest[account(d)] = place;
		isbroken = isstart && fault;
		if
#ifdef DOUBT_ONE_TIME
		:: isstart && used[1 - account(d)] > 0 ->
#else
		:: isstart && !doubt[d] && used[1 - account(d)] > 0 ->  /* in doubt, a start uses no one-time prekey */
#endif
			used[1 - account(d)]--; isbroken = 1
		:: else
		fi;
		if
		:: text -> chain = 0
		:: else ->                                              /* property 4: answers stop */
			chain++; assert(puppet || chain <= CHAIN);
			assert(!puppet || credit > 0); credit = (puppet -> credit - 1 : 0)
		fi;
		i = 2 * account(d);
		do
		:: i < 2 * account(d) + 2 ->
			if
			:: on[i] -> follow(i, text)
			:: else
			fi;
			i++
		:: else -> break
		od;
		i = 2 - 2 * account(d);
		do
		:: i < 4 - 2 * account(d) ->
			if
			:: on[i] -> receive(i, bad)
			:: else
			fi;
			i++
		:: else -> break
		od;
		assert(puppet || isread != isvoid);                               /* property 5: AMB-LOG-08 on all devices alike */
		if
		:: isvoid ->
			gone[account(d)] = gone[account(d)] | place;
			if
			:: text && !bad -> lost[account(d)] = lost[account(d)] | place
			:: else
			fi
		:: else
		fi;
		printf("entry %d: device %d, %d=text, %d=start, %d=read, names %d\n", n, d, text, isstart, isread, list);
		agree(0); agree(2);
		isstart = 0; isbroken = 0; isvoid = 0; from = 0; list = 0; place = 0; i = 0
	}
}

/* forge: the adversary's entry, of account B: void, a start, or a message in A's session; it names what it likes. */
inline forge(kind, names) {
	d_step {
		n++; place = 1 << n; own[1] = own[1] | place; newest[1] = place; credit++; list = names;
		isstart = (kind != 2); isbroken = (kind == 0); from = at[0];
		printf("entry %d: forged, kind %d, names %d\n", n, kind, names);
		receive(0, 0);
		if
		:: on[1] -> receive(1, 0)
		:: else
		fi;
		agree(0);
		isstart = 0; isbroken = 0; isvoid = 0; from = 0; list = 0; place = 0; isread = 0
	}
}

inline agree(d) {
	assert(!on[d + 1] || at[d] == at[d + 1] && spoke[d] == spoke[d + 1] && settled[d] == settled[d + 1] &&
		doubt[d] == doubt[d + 1] && answered[d] == answered[d + 1]);
}

/* cut: an epoch of the own account opens; unread and named are kept (AMB-ROT-05). */
inline cut(d) {
	at[d] = none; spoke[d] = 0; settled[d] = 0; doubt[d] = 0; listed[d] = 0;
#ifndef AUTO_KEPT
	answered[d] = 0; older[d] = 0;
#endif
}

/* rotated: the epoch of the other account has ended; the next own entry has to be a start. */
inline rotated(d) {
	at[d] = none; spoke[d] = 0; settled[d] = 0; older[d] = answered[d];
}

/* rotate: a rotation of the account, made when `known` was taken, is accepted (AMB-PST-15: whatever came meanwhile). */
inline rotate(a, change) {
	d_step {
		prepared[a] = 0; chain = 0; credit = (puppet -> credit + 1 : 0);
		printf("rotation of account %d, second device changes: %d\n", a, change);
		cut(2 * a);
		if
		:: change && on[2 * a + 1] ->
			on[2 * a + 1] = 0; cut(2 * a + 1); answered[2 * a + 1] = 0;
			unread[2 * a + 1] = 0; named[2 * a + 1] = 0; joined[2 * a + 1] = 0
		:: change && !on[2 * a + 1] ->
			on[2 * a + 1] = 1; unread[2 * a + 1] = known[a]; joined[2 * a + 1] = n
		:: !change && on[2 * a + 1] -> cut(2 * a + 1)
		:: else
		fi;
		known[a] = 0;
		rotated(2 - 2 * a);
		if
		:: on[3 - 2 * a] -> rotated(3 - 2 * a)
		:: else
		fi;
		agree(0); agree(2)
	}
}

/* settle: whoever owes an answer sends it, until nobody does. */
inline settle() {
	do
	:: owes(0) -> send(0, 0, 0, 0)
	:: owes(1) -> send(1, 0, 0, 0)
	:: owes(2) -> send(2, 0, 0, 0)
	:: owes(3) -> send(3, 0, 0, 0)
	:: !owes(0) && !owes(1) && !owes(2) && !owes(3) -> break
	od
}

/* reported: every text of the account that is void at the other side is known to the devices that were there. */
#define reported(d) (!on[d] || (lost[account(d)] & ~named[d] & ~((2 << joined[d]) - 1)) == 0)

byte d, first;
bit more;

active proctype world() {
	atomic {
#ifdef HOSTILE
		on[0] = 1; on[1] = 1; puppet = 1
#else
		on[0] = 1; on[1] = 1; on[2] = 1; on[3] = 1
#endif
	};
	do
	:: atomic { entries > 0 ->
		if
		:: d = 0
		:: on[1] -> d = 1
		:: on[2] -> d = 2
		:: on[3] -> d = 3
		fi;
		entries--;
		if
		:: send(d, 1, 0, 0)                                     /* a text */
		:: due(d) && faults > 0 -> faults--; send(d, 1, 1, 0)
		:: owes(d) -> send(d, 0, 0, 0)                          /* an answer */
		:: owes(d) && due(d) && faults > 0 -> faults--; send(d, 0, 1, 0)
		:: !due(d) && malformed > 0 -> malformed--; send(d, 1, 0, 1)
		fi;
		d = 0; isread = 0 }
#ifdef HOSTILE
	:: atomic { entries > 0 -> entries--;
		if
		:: forge(0, 0)
		:: forge(1, 0)
		:: forge(1, own[0])
		:: at[0] != none -> forge(2, 0)
		:: at[0] != none -> forge(2, own[0])
		fi }
#endif
	:: atomic { usedleft > 0 -> usedleft--;
		if
		:: used[0]++
		:: used[1]++
		fi }
	:: atomic { rotations > 0 && !prepared[0] -> rotations--; prepared[0] = 1; known[0] = unread[0] }
	:: atomic { rotations > 0 && !prepared[1] -> rotations--; prepared[1] = 1; known[1] = unread[2] }
	:: atomic { prepared[0] -> if :: rotate(0, 0) :: rotate(0, 1) fi }
	:: atomic { prepared[1] -> if :: rotate(1, 0) :: !puppet -> rotate(1, 1) fi }
	:: break
	od;

	/* The faults have stopped, and everybody has read. One side speaks, then the other (AMB-INV-19). */
	atomic {
#ifdef HOSTILE
		/* B's leader removes the device that was the adversary's; its others hold about A's entries what it made them hold */
		puppet = 0; on[2] = 1; gone[0] = own[0]; gone[1] = own[1];
		if
		:: unread[2] = 0
		:: unread[2] = own[0]
		fi;
		rotate(1, 0);
#endif
		printf("the faults stop; used left %d %d\n", used[0], used[1]);
		entries = 0; faults = 0; rotations = 0; malformed = 0; usedleft = 0; prepared[0] = 0; prepared[1] = 0;
		known[0] = 0; known[1] = 0; chain = 0;
		if
		:: first = 0
		:: first = 1
		fi
	};
#ifdef QUIET
	/* Nobody speaks. */
	atomic { settle() };
	assert(reported(0) && reported(1) && reported(2) && reported(3));
	goto end;
#endif
	do
	:: atomic {
		if
		:: settle()
		:: true                                                 /* the text may overtake the answers that are owed */
		fi;
		if
		:: d = 2 * first
		:: on[2 * first + 1] -> d = 2 * first + 1
		fi;
		send(d, 1, 0, 0);
		if
		:: isread
		:: else -> settle(); send(d, 1, 0, 0); assert(isread)   /* AMB-INV-19 */
		fi;
		settle();
		if
		:: more -> break
		:: else -> more = 1; first = 1 - first
		fi }
	od;
	assert(reported(0) && reported(1) && reported(2) && reported(3))        /* AMB-INV-20 */;
end:	skip
}
