# CGI::Session with its driver for MySQL: see ../README.md for what it reads and
# prints.
use strict;
use warnings;
use CGI::Session;
use DBI;
use JSON::PP;

my $dsn = "DBI:mysql:database=$ENV{DSM_DB};host=$ENV{DSM_HOST};port=$ENV{DSM_PORT}";
my ($user, $password) = @ENV{qw(DSM_USER DSM_PASSWORD)};
my @at = ('driver:mysql', { DataSource => $dsn, User => $user, Password => $password });
my $json = JSON::PP->new->utf8->ascii->allow_nonref;
$| = 1;

sub failed { die((CGI::Session->errstr || 'unknown error') . "\n") }

# The session of an id; undef where there is none.
sub found {
    my $id = shift;
    my $s = CGI::Session->load($at[0], $id, { %{ $at[1] } }) or failed();
    return $s->is_empty || $s->is_expired ? undef : $s;
}

sub flushed {
    my $s = shift;
    $s->flush or failed();
    return $s->id;
}

sub keep {
    my ($s, $data) = @_;
    $s->param('data', $json->encode($data));
    return flushed($s);
}

my %ops = (
    setup => sub {
        DBI->connect($dsn, $user, $password, { RaiseError => 1 })
          ->do('CREATE TABLE sessions (id CHAR(32) NOT NULL PRIMARY KEY, a_session TEXT NOT NULL)');
        return {};
    },
    create => sub {
        my $q = shift;
        my $s = CGI::Session->new($at[0], undef, { %{ $at[1] } }) or failed();
        $s->expire('+1h');
        return { id => keep($s, $q->{data}) };
    },
    read => sub {
        my $s = found(shift->{id});
        return { data => $s ? $json->decode($s->param('data')) : undef };
    },
    write => sub {
        my $q = shift;
        my $s = found($q->{id}) or die "the session is gone\n";
        keep($s, $q->{data});
        return {};
    },
    incr => sub {
        my $s = found(shift->{id}) or die "the session is gone\n";
        my $data = $json->decode($s->param('data'));
        $data->{n}++;
        keep($s, $data);
        return { data => $data };
    },
    destroy => sub {
        my $s = found(shift->{id}) or die "the session is gone\n";
        $s->delete;
        $s->flush;
        return {};
    },
    regenerate => sub {
        my $s = found(shift->{id}) or die "the session is gone\n";
        my $new = CGI::Session->new($at[0], undef, { %{ $at[1] } }) or failed();
        $new->expire('+1h');
        $new->param('data', $s->param('data'));
        $s->delete;
        $s->flush;
        return { id => flushed($new) };
    },
    expire => sub {
        my $s = found(shift->{id}) or die "the session is gone\n";
        $s->{_DATA}{_SESSION_ATIME} = time - 7200;
        $s->_set_status(CGI::Session::STATUS_MODIFIED());
        flushed($s);
        return {};
    },
    # As its manual has it: look at all of them.
    gc => sub {
        CGI::Session->find($at[0], sub {
            my $s = shift;
            return if $s->is_empty && !$s->is_expired;
            if ($s->is_expired) {
                $s->delete;
                $s->flush;
            }
        }, { %{ $at[1] } }) or failed();
        return {};
    },
);

while (my $line = <STDIN>) {
    my $q = $json->decode($line);
    my $answer = eval { $ops{ $q->{op} }->($q) } || { error => "$@" };
    print $json->encode($answer), "\n";
}
