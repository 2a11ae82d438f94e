# Apache::Session::MySQL: see ../README.md for what it reads and prints.
use strict;
use warnings;
use Apache::Session::MySQL;
use DBI;
use JSON::PP;

my $dsn = "DBI:mysql:database=$ENV{DSM_DB};host=$ENV{DSM_HOST};port=$ENV{DSM_PORT}";
my ($user, $password) = @ENV{qw(DSM_USER DSM_PASSWORD)};
my %args = (
    DataSource => $dsn, UserName => $user, Password => $password,
    LockDataSource => $dsn, LockUserName => $user, LockPassword => $password,
);
my $json = JSON::PP->new->utf8->ascii->allow_nonref;
$| = 1;

# A request with the session of an id, or with a new one.
sub request {
    my ($id, $do) = @_;
    tie my %session, 'Apache::Session::MySQL', $id, {%args};
    my $answer = $do->(\%session);
    untie %session;
    return $answer;
}

my %ops = (
    setup => sub {
        DBI->connect($dsn, $user, $password, { RaiseError => 1 })
          ->do('CREATE TABLE sessions (id char(32) not null primary key, a_session longblob)');
        return {};
    },
    create => sub {
        my $q = shift;
        return request(undef, sub { my $s = shift; $s->{data} = $json->encode($q->{data}); return { id => $s->{_session_id} } });
    },
    read => sub {
        my $q = shift;
        my $answer = eval { request($q->{id}, sub { my $s = shift; return { data => $json->decode($s->{data}) } }) };
        return $answer if $answer;
        return { data => undef } if $@ =~ /does not exist/;
        die $@;
    },
    write => sub {
        my $q = shift;
        return request($q->{id}, sub { my $s = shift; $s->{data} = $json->encode($q->{data}); return {} });
    },
    incr => sub {
        my $q = shift;
        return request($q->{id}, sub {
            my $s = shift;
            my $data = $json->decode($s->{data});
            $data->{n}++;
            $s->{data} = $json->encode($data);
            return { data => $data };
        });
    },
    destroy => sub {
        my $q = shift;
        tie my %session, 'Apache::Session::MySQL', $q->{id}, {%args};
        tied(%session)->delete;
        return {};
    },
    regenerate => sub {
        my $q = shift;
        tie my %old, 'Apache::Session::MySQL', $q->{id}, {%args};
        my $data = $old{data};
        my $answer = request(undef, sub { my $s = shift; $s->{data} = $data; return { id => $s->{_session_id} } });
        tied(%old)->delete;
        return $answer;
    },
);

while (my $line = <STDIN>) {
    my $q = $json->decode($line);
    my $answer = eval { $ops{ $q->{op} }->($q) } || { error => "$@" };
    print $json->encode($answer), "\n";
}
