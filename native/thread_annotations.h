// Clang's thread-safety annotations: which lock guards a field, which locks a function needs. `clang -Wthread-safety`
// checks them (scripts/thread-safety.js); other compilers see nothing.
#pragma once

#if defined(__clang__)
#define ODRADEK_ANNOTATION(x) __attribute__((x))
#else
#define ODRADEK_ANNOTATION(x)
#endif

// A class whose objects are locked and unlocked, and one whose objects hold a lock while they exist.
#define CAPABILITY(name) ODRADEK_ANNOTATION(capability(name))
#define SCOPED_CAPABILITY ODRADEK_ANNOTATION(scoped_lockable)

// A field is read and written under this lock only; of a pointer: what it points to.
#define GUARDED_BY(x) ODRADEK_ANNOTATION(guarded_by(x))
#define PT_GUARDED_BY(x) ODRADEK_ANNOTATION(pt_guarded_by(x))

// The caller holds these locks, or must not hold them because the function takes them.
#define REQUIRES(...) ODRADEK_ANNOTATION(requires_capability(__VA_ARGS__))
#define REQUIRES_SHARED(...) ODRADEK_ANNOTATION(requires_shared_capability(__VA_ARGS__))
#define EXCLUDES(...) ODRADEK_ANNOTATION(locks_excluded(__VA_ARGS__))

// The function takes or gives back these locks; without arguments: its object.
#define ACQUIRE(...) ODRADEK_ANNOTATION(acquire_capability(__VA_ARGS__))
#define ACQUIRE_SHARED(...) ODRADEK_ANNOTATION(acquire_shared_capability(__VA_ARGS__))
#define RELEASE(...) ODRADEK_ANNOTATION(release_capability(__VA_ARGS__))
#define RELEASE_SHARED(...) ODRADEK_ANNOTATION(release_shared_capability(__VA_ARGS__))
#define RELEASE_GENERIC(...) ODRADEK_ANNOTATION(release_generic_capability(__VA_ARGS__))

// From here on the lock counts as held: the function has made sure of it.
#define ASSERT_CAPABILITY(x) ODRADEK_ANNOTATION(assert_capability(x))
